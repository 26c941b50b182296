"""One golden case: its inputs, its expectation, its text."""
import json

import numpy as np

from formulas import evaluate
from precise import Number, backward, lift_array, to_double, _tape

# Reductions where the loss, not the case, decides.
DEFAULT_REDUCTION = {"balanced_bce": "sum",
                     **dict.fromkeys(("charbonnier", "cauchy", "geman_mcclure", "welsch"), "none")}
PREDICTIONS = ("logits", "probs", "log_probs", "input", "input1", "input2", "var", "anchor",
               "positive", "negative", "chosen_logps", "rejected_logps", "logps")


# A gradient is held to 4 units in the last place, 8 roundings; a wobble is one.
WOBBLE_SHARE = 1 / 8

# Sizes that say less are not worth their place.
LISTED = 1.25


class Disagreement(Exception):
    pass


def narrow(array):
    """To the nearest float32, so that one file serves both dtypes."""
    with np.errstate(over="ignore"):
        return np.asarray(array, dtype=np.float32).astype(np.float64)


def number(x):
    x = float(x)
    if np.isnan(x):
        return "NaN"
    if np.isinf(x):
        return "Infinity" if x > 0 else "-Infinity"
    return int(x) if x == int(x) and abs(x) < 1e6 and not (x == 0 and np.signbit(x)) else x


def tensor(array):
    array = np.asarray(array)
    out = {"shape": list(array.shape), "data": [number(x) for x in array.flat]}
    if array.dtype.kind == "i":
        out["int"] = True
    return out


def values_of(array, member="value"):
    """A member of an array of Number, as doubles."""
    flat = [to_double(getattr(x, member)) for x in array.flat]
    return np.array(flat, dtype=np.float64).reshape(array.shape)


def tensor_of_terms(array, sizes):
    """A tensor, and the size of the terms where they cancelled."""
    out = tensor(array)
    cancelled = [[i, float(f"{size:.3g}")]
                 for i, (x, size) in enumerate(zip(np.asarray(array).flat, sizes.flat))
                 if np.isfinite(x) and np.isfinite(size) and size > LISTED * abs(x)]
    if cancelled:
        out["cancelled"] = cancelled
    return out


class Case:
    def __init__(self, name, loss, params=None, note=None, check=True, wanted=None,
                 float64_only=False, **inputs):
        """check: compare with PyTorch.  wanted: the inputs whose gradients are
        expected, the prediction alone unless said.  float64_only: the inputs
        are no float32 numbers."""
        self.name, self.loss, self.note, self.check = name, loss, note, check
        self.params = dict(params or {})
        self.float64_only = float64_only
        self.inputs = {role: self._input(value) for role, value in inputs.items()}
        self.wanted = wanted or [r for r in self.inputs if r in PREDICTIONS]
        self._evaluate()

    def _input(self, value):
        value = np.asarray(value)
        if value.dtype.kind in "iu":
            return value.astype(np.int64)
        return value.astype(np.float64) if self.float64_only else narrow(value)

    def all_params(self):
        return {"reduction": DEFAULT_REDUCTION.get(self.loss, "mean"), **self.params}

    def _evaluate(self):
        _tape.clear()
        lifted = {role: value if value.dtype.kind == "i" else lift_array(value)
                  for role, value in self.inputs.items()}
        result = evaluate(self.loss, self.all_params(), lifted)
        backward(result.objective)
        losses = result.loss if isinstance(result.loss, np.ndarray) else np.array(
            result.loss, dtype=object)
        self.value, self.size = values_of(losses), values_of(losses, "size")
        self.error = values_of(losses, "error")
        self.sum = None if result.sum is None else to_double(result.sum.value)
        self.denominator = None if result.denominator is None else to_double(result.denominator)
        self.gradients = {role: values_of(lifted[role], "slope") for role in self.wanted}
        self.reaches = {role: values_of(lifted[role], "reach") + WOBBLE_SHARE * values_of(
            lifted[role], "wobble") for role in self.wanted}
        if self.check:
            self._compare()

    def _compare(self):
        import torch_check
        value, gradients = torch_check.evaluate(self.loss, self.all_params(), self.inputs,
                                                self.wanted)
        self._agree("loss", self.value, value)
        for role in self.wanted:
            self._agree("gradient of " + role, self.gradients[role], gradients[role])

    def _agree(self, what, mine, theirs):
        mine, theirs = np.asarray(mine), np.asarray(theirs)
        scale = np.max(np.abs(mine[np.isfinite(mine)]), initial=0)
        if mine.shape == theirs.shape and np.allclose(mine, theirs, rtol=1e-11,
                                                      atol=1e-13 * scale + 1e-16, equal_nan=True):
            return
        raise Disagreement(f"{self.loss}: {self.name}: {what}\n  here    {mine}\n"
                           f"  PyTorch {theirs}")

    def to_object(self):
        out = {"name": self.name}
        if self.note:
            out["note"] = self.note
        if self.float64_only:
            out["float64_only"] = True
        out["loss"] = {"name": self.loss, **self.params}
        out["inputs"] = {role: tensor(value) for role, value in self.inputs.items()}
        if self.sum is None:
            expect = {"loss": tensor_of_terms(self.value, self.size)}
        else:
            expect = {"loss": number(self.value), "sum": number(self.sum),
                      "denominator": number(self.denominator)}
            if np.isfinite(self.value) and self.size > LISTED * abs(self.value):
                expect["cancelled"] = float(f"{float(self.size):.3g}")
        expect["gradients"] = {role: tensor_of_terms(g, self.reaches[role])
                               for role, g in self.gradients.items()}
        out["expect"] = expect
        return out


class Drawn:
    """Cases of one loss; `inputs_of` draws all it reads, for a shape of the prediction."""

    def __init__(self, loss, seed, inputs_of):
        self.loss, self.inputs_of = loss, inputs_of
        self.rng = np.random.default_rng(seed)
        self.cases = []

    def draw(self, shape):
        return self.inputs_of(self.rng, shape)

    def add(self, name, params=None, inputs=None, **more):
        self.cases.append(Case(name, self.loss, params, **{**inputs, **more}))

    def reductions(self, shape):
        for reduction in ("none", "mean", "sum"):
            self.add(f"reduction {reduction}", {"reduction": reduction}, self.draw(shape))
        self.add("normalizer", {"normalizer": 64}, self.draw(shape))

    def empty(self, shape):
        for reduction in ("mean", "sum", "none"):
            self.add(f"empty batch, {reduction}", {"reduction": reduction}, self.draw(shape),
                     check=False)
        self.add("empty batch, on_empty zero", {"on_empty": "zero"}, self.draw(shape), check=False)


def write(path, cases):
    """One line a case, so that a diff shows which ones changed."""
    names = [case.name for case in cases]
    assert len(set(names)) == len(names), f"{path}: a name stands twice"
    lines = [json.dumps(case.to_object(), separators=(",", ":")) for case in cases]
    with open(path, "w") as out:
        out.write("[\n" + ",\n".join(lines) + "\n]\n")
