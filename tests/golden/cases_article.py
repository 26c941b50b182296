"""The running example of the article the project started from, number by number.

Its inputs are decimal fractions, no float32 numbers: each case stands once as
written, for float64, and once rounded, for both dtypes.  What the article's
own formulas give, to ten decimals, stands beside each case, and the float64 one is
held against it before it is written.
"""
import mpmath
import numpy as np

from case import Case

X = np.array([[0.2, 0.3, 0.4], [-0.02, -0.13, 0.2], [0.5, -0.3, 0.73]])
TARGET = np.array([0, 2, 1])
T1 = np.array([[1.0, 0, 0], [0, 0, 1], [0, 1, 0]])
T2 = np.array([[1.0, 0, 0], [1, 1, 1], [0, 1, 1]])
# Rounded once: what a vector library makes of exp depends on the machine.
P = np.vectorize(lambda x: float(1 / (1 + mpmath.exp(-mpmath.mpf(x)))))(X)
LOG_P = np.array([[float(x - mpmath.log(sum(map(mpmath.exp, row)))) for x in row] for row in X])

cases = []


def add(name, loss, params=None, printed=None, gradient_row_0=None, **inputs):
    for float64_only in (True, False):
        case = Case(name if float64_only else name + ", rounded to float32", loss, params,
                    float64_only=float64_only, **inputs)
        cases.append(case)
        if float64_only and printed is not None:
            assert_printed(case, case.value, printed)
        if float64_only and gradient_row_0 is not None:
            assert_printed(case, case.gradients["logits"][0], gradient_row_0)


def assert_printed(case, value, printed):
    """To the last of the ten decimals."""
    if not np.allclose(value, printed, rtol=0, atol=0.51e-10):
        raise AssertionError(f"article: {case.name}: {value} is not {printed}")


def cross_entropy():
    rows = [1.2019428482, 0.9248311708, 1.7961841265]
    row_0 = [-0.2331301315, 0.1107416645, 0.1223884670]
    add("loss1: cross entropy of each row", "cross_entropy", {"reduction": "none"}, rows,
        logits=X, targets=TARGET)
    add("loss2: cross entropy", "cross_entropy", None, 1.3076527152, row_0, logits=X,
        targets=TARGET)
    add("loss3: nll of the log-softmax", "nll_loss", None, 1.3076527152, log_probs=LOG_P,
        targets=TARGET)
    add("loss4: one-hot targets", "cross_entropy", None, 1.3076527152, row_0, logits=X, targets=T1)
    add("loss5: one-hot targets, of each row", "cross_entropy", {"reduction": "none"}, rows,
        logits=X, targets=T1)
    add("nll of each row", "nll_loss", {"reduction": "none"}, rows, log_probs=LOG_P,
        targets=TARGET)
    add("softmax focal of gamma 0 is cross entropy", "softmax_focal", {"gamma": 0}, 1.3076527152,
        row_0, logits=X, targets=TARGET)


def binary():
    mean, total = 0.8032074393, 7.2288669535
    for reduction, value in (("mean", mean), ("sum", total)):
        params = {"reduction": reduction}
        add(f"loss6..10: BCE of sigmoid, {reduction}", "binary_cross_entropy", params, value,
            probs=P, targets=T1)
        add(f"BCE given the logits, {reduction}", "binary_cross_entropy", params, value, logits=X,
            targets=T1)
        add(f"BCE with logits, {reduction}", "bce_with_logits", params, value, logits=X,
            targets=T1)
        add(f"sigmoid focal of gamma 0 without alpha is BCE, {reduction}", "sigmoid_focal",
            {**params, "gamma": 0, "alpha": None}, value, logits=X, targets=T1)
    for form in ({"probs": P}, {"logits": X}):
        of = f" of {next(iter(form))}"
        add("loss11: balanced BCE" + of, "balanced_bce", None, 2.0531628544, **form, targets=T2)
        for i, value in enumerate((0.9878827452, 0, 1.0652801092)):
            row = {role: x[i:i + 1] for role, x in form.items()}
            add(f"balanced BCE{of}, sample {i}", "balanced_bce", None, value, **row,
                targets=T2[i:i + 1])
        for ratio, value in ((3, 0.8032073500), (1, 0.8435092485), (0.5, 0.7934908261)):
            add(f"OHEM{of}, negative_ratio {ratio}", "ohem_balanced_bce",
                {"negative_ratio": ratio}, value, **form, targets=T1)
        add(f"OHEM{of} without positives", "ohem_balanced_bce", None, 0.0, **form,
            targets=np.zeros((3, 3)))
    focal = {"gamma": 0.2, "alpha": 0.6}
    add("loss12: focal", "sigmoid_focal", focal, 0.3354685823, logits=X, targets=T2)
    add("loss12: focal, sum", "sigmoid_focal", {**focal, "reduction": "sum"}, 3.0192172403,
        logits=X, targets=T2)


def dice():
    for form in ({"probs": P}, {"logits": X}):
        of = f" of {next(iter(form))}"
        add("dice by sample" + of + ", T1", "dice", {"reduction": "none"},
            [0.4481596613, 0.3779952820, 0.5798865458], **form, targets=T1)
        add("dice by sample" + of + ", T2", "dice", {"reduction": "none"},
            [0.4481596613, 0.1972381570, 0.2727078930], **form, targets=T2)
        add("dice" + of, "dice", None, (0.4481596613 + 0.3779952820 + 0.5798865458) / 3, **form,
            targets=T1)
    add("dice of nothing predicted and nothing there", "dice", {"reduction": "none"}, [1.0],
        probs=np.zeros((1, 3)), targets=np.zeros((1, 3)))


def regression():
    add("loss13, loss14: L1", "l1", None, 0.5533333333, input=X, targets=T1)


def article():
    cases.clear()
    cross_entropy(), binary(), dice(), regression()
    return cases


FILES = {"article": article}
