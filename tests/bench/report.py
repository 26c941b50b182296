"""Tables with targets: Markdown for people, plain values for build/bench.json."""


class Target:
    """A measured number beside what it is to reach."""

    def __init__(self, value, target, at_most=False, form="%.2f"):
        self.value, self.target, self.at_most, self.form = value, target, at_most, form

    @property
    def is_met(self):
        return self.value <= self.target if self.at_most else self.value >= self.target

    def __str__(self):
        sign = "≤" if self.at_most else "≥"
        text = f"{self.form % self.value} ({sign} {self.target:g})"
        return text if self.is_met else f"**{text}**"


class Table:
    def __init__(self, title, *columns, note=""):
        self.title, self.columns, self.note, self.rows = title, columns, note, []

    def add(self, *cells):
        assert len(cells) == len(self.columns)
        self.rows.append(cells)

    def targets(self):
        return [cell for row in self.rows for cell in row if isinstance(cell, Target)]

    def markdown(self):
        lines = [self.columns, ["---"] * len(self.columns)]
        lines += [[text(cell) for cell in row] for row in self.rows]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return "\n\n".join(part for part in (f"### {self.title}", self.note, table) if part)

    def plain(self):
        rows = [dict(zip(self.columns, map(plain, row))) for row in self.rows]
        return {"title": self.title, "rows": rows}


def text(cell):
    if cell is None:
        return ""
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:.0f}" if abs(cell) >= 100 else f"{cell:.3g}"


def plain(cell):
    if isinstance(cell, Target):
        return {"value": cell.value, "target": cell.target, "is_met": cell.is_met}
    return cell
