"""Cases of the losses of whole rows of the last axis."""
import numpy as np

from case import Drawn, narrow
from cases_elements import INF, normal

LENGTHS = (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100)


class Rows(Drawn):
    """What every loss of rows is asked."""

    def common(self, shapes=((2, 3, 4), (2, 1, 2, 3))):
        for n in LENGTHS:
            # Of two cosines of 1 PyTorch knows no more than the rounding.
            self.add(f"rows of {n}", {"reduction": "none"}, self.draw((2, n)),
                     check=n > 1 or self.loss != "cosine_embedding")
        self.add("rows of 1030", {"reduction": "sum"}, self.draw((1, 1030)))
        self.add("one row", inputs=self.draw((5,)))
        for shape in shapes:
            self.add(f"shape {shape}", inputs=self.draw(shape))
        self.reductions((4, 5))
        self.add("mask", inputs=self.draw((4, 3)), mask=np.array([1.0, 0, 1, 0]), check=False)
        self.add("everything masked", inputs=self.draw((2, 3)), mask=np.zeros(2), check=False)
        self.add("sample_weight", inputs=self.draw((4, 3)), check=False,
                 sample_weight=np.array([0.5, 0, 2, 1]))
        for name, factor in (("masked", "mask"), ("of sample_weight 0", "sample_weight")):
            broken = self.draw((3, 4))
            first = next(role for role, value in broken.items() if value.ndim == 2)
            broken[first][1, 2] = np.nan
            self.add(f"what is {name} may be NaN", inputs=broken, check=False,
                     **{factor: np.array([1.0, 0, 1])})
            self.add(f"NaN stays in its row, {factor}", {"reduction": "none"}, broken, check=False,
                     **{factor: np.array([1.0, 2, 0])})


def cosine_embedding():
    def inputs_of(rng, shape):
        return {"input1": narrow(normal(rng, shape)), "input2": narrow(normal(rng, shape)),
                "targets": rng.choice([-1.0, 1.0], shape[:-1])}

    r = Rows("cosine_embedding", 80, inputs_of)
    r.common(shapes=()), r.empty((0, 3))
    r.add("shape (2, 3, 4)", inputs=r.draw((2, 3, 4)), check=False)
    for margin in (0.25, 0.9, -1.0):
        r.add(f"margin {margin}", {"margin": margin, "reduction": "none"}, r.draw((9, 4)))
    x = narrow(normal(r.rng, (6, 8)))
    r.add("the same, the opposite, nearly the same", {"reduction": "none"},
          {"input1": x, "input2": np.concatenate([x[:2], -x[2:4], narrow(x[4:] * 1.001)]),
           "targets": np.array([1.0, -1, 1, -1, 1, -1])})
    # What PyTorch adds to a square is 1e-12 in float32, whatever the dtype.
    r.add("zeros", {"reduction": "none"}, check=False, inputs={
        "input1": np.zeros((2, 3)), "input2": np.ones((2, 3)), "targets": np.array([1.0, -1])})
    r.add("large and small", {"reduction": "none"}, check=False, inputs={
        "input1": narrow(x[:2] * np.array([[1e15], [1e-7]])),
        "input2": narrow(x[2:4] * np.array([[1e-3], [1e12]])), "targets": np.ones(2)})
    r.add("eps", {"reduction": "none", "eps": 0.5}, r.draw((3, 4)), check=False)
    r.add("lengths whose product no float32 holds", {"reduction": "none"}, inputs={
        "input1": narrow(x[:2] * 1e25), "input2": narrow(x[2:4] * 1e25),
        "targets": np.array([1.0, -1])})
    r.add("other targets cost nothing", {"reduction": "none"},
          {"input1": x[:2], "input2": x[2:4], "targets": np.array([0.0, 0.5])})
    r.add("a target of NaN", {"reduction": "none"},
          {"input1": x[:2], "input2": x[2:4], "targets": np.array([np.nan, 1])}, check=False)
    r.add("one target for all", inputs={"input1": x[:3], "input2": x[3:], "targets": np.array(1.0)})
    r.add("gradient of the second alone", inputs=r.draw((3, 4)), wanted=["input2"])
    return r.cases


def triplet_margin():
    def inputs_of(rng, shape):
        return {role: narrow(normal(rng, shape)) for role in ("anchor", "positive", "negative")}

    r = Rows("triplet_margin", 81, inputs_of)
    r.common(), r.empty((0, 3))
    for margin in (0.0, 0.25, 3.0, -1.0):
        r.add(f"margin {margin}", {"margin": margin, "reduction": "none"}, r.draw((9, 4)))
    for p in (1.0, 1.5, 2.0, 3.0, 4.0):
        r.add(f"p {p}", {"p": p, "reduction": "none"}, r.draw((5, 7)))
        r.add(f"p {p}, swap", {"p": p, "swap": True, "reduction": "none"}, r.draw((9, 7)))
    r.add("eps 0.5", {"eps": 0.5, "reduction": "none"}, r.draw((5, 4)))
    x = narrow(normal(r.rng, (3, 4)))
    r.add("the positive is the anchor", {"reduction": "none"},
          {"anchor": x, "positive": x, "negative": narrow(x + 0.1)})
    r.add("no distance, eps 0", {"reduction": "none", "eps": 0.0},
          {"anchor": x, "positive": x, "negative": x}, check=False)
    r.add("an infinity", {"reduction": "none"}, check=False, inputs={
        "anchor": np.array([[INF, 0.5]]), "positive": np.array([[1.0, 2]]),
        "negative": np.array([[0.0, 1]])})
    r.add("gradient of the negative alone", inputs=r.draw((3, 4)), wanted=["negative"])
    return r.cases


def multi_margin():
    def inputs_of(rng, shape):
        return {"input": narrow(normal(rng, shape)),
                "targets": rng.integers(0, shape[-1], shape[:-1])}

    r = Rows("multi_margin", 82, inputs_of)
    r.common(shapes=()), r.empty((0, 3))
    for p in (1, 2):
        for margin in (0.0, 0.5, 3.0, -0.25):
            r.add(f"p {p}, margin {margin}", {"p": p, "margin": margin, "reduction": "none"},
                  r.draw((5, 6)))
        r.add(f"p {p}, weight", {"p": p, "reduction": "mean"}, r.draw((6, 4)),
              weight=np.array([0.5, 2, 0, 1]))
    r.add("at the margin", {"reduction": "none"},
          {"input": np.array([[1.0, 0, 0.5], [2, 1, 1]]), "targets": np.array([0, 0])})
    r.add("class_axis -1", {"class_axis": -1}, r.draw((3, 4)))
    for p in (1, 2):
        r.add(f"infinities, p {p}", {"p": p, "reduction": "none"}, check=False, inputs={
            "input": np.array([[INF, 0, 1], [0, -INF, 1], [-INF, 0, 1], [0, INF, 1]]),
            "targets": np.array([0, 0, 0, 0])})
    return r.cases


def multilabel_soft_margin():
    def inputs_of(rng, shape):
        return {"logits": narrow(normal(rng, shape)),
                "targets": rng.integers(0, 2, shape).astype(float)}

    r = Rows("multilabel_soft_margin", 83, inputs_of)
    r.common(), r.empty((0, 3))
    for name, weight in (("by class", np.array([0.5, 2, 0, 1])), ("one", np.array(3.0)),
                         ("by element", narrow(np.abs(normal(r.rng, (6, 4)))))):
        r.add(f"weight {name}", {"reduction": "none"}, r.draw((6, 4)), weight=weight)
    soft = r.draw((3, 4))
    soft["targets"] = narrow(r.rng.uniform(0, 1, (3, 4)))
    r.add("soft targets, and their gradient", inputs=soft, wanted=["logits", "targets"])
    r.add("far out", {"reduction": "none"}, check=False, inputs={
        "logits": np.array([[90.0, -90, 1e4], [INF, -INF, 0]]),
        "targets": np.array([[1.0, 0, 1], [1, 0, 1]])})
    r.add("infinitely wrong", {"reduction": "none"}, check=False, inputs={
        "logits": np.array([[INF, 1.0]]), "targets": np.array([[0.0, 1]])})
    return r.cases


def corners(rng, shape):
    """Boxes of all sizes."""
    first = rng.normal(0, 1, (*shape[:-1], 2))
    return narrow(np.concatenate([first, first + rng.uniform(0.25, 3, first.shape)], -1))


def boxes(loss, seed):
    def inputs_of(rng, shape):
        return {"input": corners(rng, shape), "targets": corners(rng, shape)}

    r = Rows(loss, seed, inputs_of)
    for n in (1, 3, 7, 8, 9, 15, 16, 17, 33):
        r.add(f"{n} boxes", {"reduction": "none"}, r.draw((n, 4)))
    r.add("300 boxes", {"reduction": "sum"}, r.draw((300, 4)))
    r.add("one box", inputs=r.draw((4,)))
    r.add("shape (2, 3, 4)", inputs=r.draw((2, 3, 4)))
    r.reductions((5, 4))
    r.add("mask", inputs=r.draw((4, 4)), mask=np.array([1.0, 0, 1, 0]), check=False)
    r.add("everything masked", inputs=r.draw((2, 4)), mask=np.zeros(2), check=False)
    r.add("sample_weight", inputs=r.draw((4, 4)), check=False,
          sample_weight=np.array([0.5, 0, 2, 1]))
    broken = r.draw((3, 4))
    broken["input"][1, 2] = np.nan
    r.add("what is masked may be NaN", inputs=broken, mask=np.array([1.0, 0, 1]), check=False)
    r.empty((0, 4))
    r.add("eps 0.5", {"eps": 0.5, "reduction": "none"}, r.draw((5, 4)))
    r.add("the same, a quarter, side by side, at a corner, inside, apart", {"reduction": "none"}, {
        "input": np.array([[0.0, 0, 2, 2]] * 6),
        "targets": np.array([[0.0, 0, 2, 2], [1, 1, 2, 2], [2, 0, 4, 2], [2, 2, 4, 4],
                             [0.5, 0.5, 1, 1.5], [5, 6, 7, 9]])})
    r.add("pixels", {"reduction": "none"}, {"input": narrow(200 + 100 * corners(r.rng, (9, 4))),
                                            "targets": narrow(200 + 100 * corners(r.rng, (9, 4)))})
    return r


def iou():
    r = boxes("iou", 84)
    for mode in ("square", "log"):
        r.add(f"mode {mode}", {"mode": mode, "reduction": "none"}, r.draw((17, 4)))
    return r.cases


def giou():
    return boxes("giou", 85).cases


def diou():
    return boxes("diou", 86).cases


FILES = {f.__name__: f for f in (cosine_embedding, triplet_margin, multi_margin,
                                 multilabel_soft_margin, iou, giou, diou)}
