"""Cases of the losses that go element by element, and of dice and OHEM."""
import numpy as np

from case import Case, narrow

INF = float("inf")
SIZES = (1, 15, 16, 17, 33)
OVERLAPS = ("dice", "tversky")


class Elements:
    """What every loss of elements is asked; `draw` makes predictions, `aim` targets,
    `also` by role what else the loss cannot do without."""

    def __init__(self, loss, role, seed, draw, aim, also=None):
        self.loss, self.role, self.also = loss, role, also or {}
        self.rng = np.random.default_rng(seed)
        self.draw, self.aim = draw, aim
        self.cases = []

    def add(self, name, params=None, x=None, targets=None, role=None, **more):
        for other, draw in self.also.items():
            more.setdefault(other, narrow(draw(self.rng, np.shape(x))))
        self.cases.append(Case(name, self.loss, params, **{role or self.role: x},
                               targets=np.asarray(targets, dtype=float), **more))

    def both(self, shape):
        return {"x": narrow(self.draw(self.rng, shape)),
                "targets": narrow(self.aim(self.rng, shape))}

    def sizes(self, shape_of=lambda n: (n,)):
        for n in SIZES:
            self.add(f"{n} elements", {"reduction": "none"}, **self.both(shape_of(n)))
        self.add("1100 elements", {"reduction": "sum"}, **self.both(shape_of(1100)))
        for shape in ((3, 4), (2, 3, 4), (2, 2, 3, 3), (2, 1, 2, 1, 3)):
            self.add(f"shape {shape}", **self.both(shape))

    def reductions(self):
        for reduction in ("none", "mean", "sum"):
            self.add(f"reduction {reduction}", {"reduction": reduction}, **self.both((4, 5)))
        self.add("normalizer", {"normalizer": 64, "reduction": "mean"}, **self.both((4, 5)))

    def masking(self, check=True):
        self.add("mask", {"reduction": "mean"}, **self.both((2, 4)), check=check,
                 mask=np.array([[1.0, 0, 1, 1], [0, 1, 1, 0]]))
        self.add("mask by row, broadcast", {"reduction": "none"}, **self.both((3, 4)),
                 mask=np.array([[1.0], [0], [1]]), check=check)
        self.add("everything masked", {"reduction": "mean"}, **self.both((2, 3)), check=False,
                 mask=np.zeros((2, 3)))
        self.add("sample_weight", {"reduction": "mean"}, **self.both((2, 4)),
                 sample_weight=np.array([[0.5, 0, 2, 1], [3, 0.25, 1, 1]]))
        self.add("sample_weight by sample, and a mask by column", {"reduction": "sum"},
                 **self.both((3, 4)), sample_weight=np.array([0.5, 2, 0]),
                 mask=np.array([[1.0, 0, 1, 1]]), check=check)

    def broken(self, values):
        """NaN and the like under a mask, at weight 0, and in the open."""
        x, y = np.array([0.25, *values, 0.5]), np.array([1.0] + [0] * len(values) + [1])
        off = np.array([1.0] + [0] * len(values) + [1])
        self.add("what is masked may be NaN", {"reduction": "mean"}, x=x, targets=y, mask=off,
                 check=False)
        self.add("what has sample_weight 0 may be NaN", {"reduction": "sum"}, x=x, targets=y,
                 sample_weight=off, check=False)
        self.add("NaN stays in its element", {"reduction": "none"},
                 x=np.array([0.25, np.nan, 0.5]), targets=np.array([1.0, 0, 0]), check=False)

    def empty(self, shape=(0,)):
        none = np.zeros(shape)
        self.add("empty batch, mean", {"reduction": "mean"}, x=none, targets=none, check=False)
        self.add("empty batch, on_empty zero", {"reduction": "mean", "on_empty": "zero"}, x=none,
                 targets=none, check=False)
        self.add("empty batch, sum", {"reduction": "sum"}, x=none, targets=none,
                 check=self.loss not in OVERLAPS)
        self.add("empty batch, none", {"reduction": "none"}, x=none, targets=none,
                 check=self.loss not in OVERLAPS)


def logits(rng, shape):
    return rng.normal(0, 2, shape)


def probs(rng, shape):
    return rng.uniform(0.02, 0.98, shape)


def hard(rng, shape):
    return rng.integers(0, 2, shape)


def soft(rng, shape):
    return rng.uniform(0, 1, shape)


def normal(rng, shape):
    return rng.normal(0, 1.5, shape)


# ---- Binary -----------------------------------------------------------------

def floored_probs(e):
    """Where log and p(1-p) meet their floors."""
    e.add("probabilities of exactly 0 and 1, right", {"reduction": "none"},
          x=np.array([0.0, 1.0]), targets=np.array([0.0, 1]))
    e.add("probabilities of exactly 0 and 1, wrong: 100", {"reduction": "none"},
          x=np.array([0.0, 1.0]), targets=np.array([1.0, 0]), check=False,
          note="the slope is (p-y)/max(p(1-p), 1e-12), not that of the floored log")
    e.add("tiny probabilities", {"reduction": "none"}, check=False,
          x=np.array([1e-5, 1e-8, 1e-13, 1e-30, 1e-38, 1e-44, 1e-44]),
          targets=np.array([1.0, 1, 1, 1, 1, 1, 0]))
    e.add("next to 1", {"reduction": "none"}, check=False,
          x=np.array([1 - 2.0 ** -24, 1 - 2.0 ** -20, 1 - 2.0 ** -24]),
          targets=np.array([1.0, 0, 0]))


def extreme_logits(e, check=False):
    e.add("logits of +-50", {"reduction": "none"}, check=check,
          x=np.array([50.0, -50, 50, -50, 17, -17, 90, -90]),
          targets=np.array([1.0, 0, 0, 1, 1, 0, 1, 0]))
    e.add("logits of +-1e4", {"reduction": "none"}, check=check,
          x=np.array([1e4, -1e4, 1e4, -1e4]), targets=np.array([1.0, 0, 0, 1]))
    e.add("logits of 0, -0 and denormals", {"reduction": "none"}, check=check,
          x=np.array([0, -0.0, 1e-42, -1e-42]), targets=np.array([1.0, 0, 0, 1]))
    e.add("infinite logits, right", {"reduction": "none"}, check=False,
          x=np.array([INF, -INF]), targets=np.array([1.0, 0]),
          note="the term whose target weight is 0 is left out")
    e.add("infinite logits, wrong", {"reduction": "none"}, check=False,
          x=np.array([INF, -INF]), targets=np.array([0.0, 1]))


def weighted(e):
    rng = e.rng
    e.add("weight by element", **e.both((2, 3)), weight=narrow(rng.uniform(0, 3, (2, 3))))
    e.add("weight by column, broadcast", {"reduction": "none"}, **e.both((3, 4)),
          weight=narrow(rng.uniform(0, 3, 4)))
    e.add("weight by row, broadcast, sum", {"reduction": "sum"}, **e.both((3, 4)),
          weight=narrow(rng.uniform(0, 3, (3, 1))))
    e.add("one weight for all", **e.both((3, 4)), weight=np.array([1.75]))
    e.add("weight, mask and sample_weight", **e.both((2, 3)),
          weight=narrow(rng.uniform(0, 3, (2, 3))), mask=np.array([[1.0, 0, 1], [1, 1, 0]]),
          sample_weight=np.array([[0.5], [2]]))
    e.add("weights of 0 still count in the mean", x=narrow(e.draw(rng, (4,))),
          targets=np.array([1.0, 0, 1, 0]), weight=np.array([0.0, 0, 1, 2]))


def binary_cross_entropy():
    e = Elements("binary_cross_entropy", "probs", 11, probs, soft)
    e.sizes(), e.reductions(), e.masking(), e.empty(), e.broken([np.nan])
    floored_probs(e), weighted(e)
    e.add("hard targets", x=narrow(probs(e.rng, (5, 3))), targets=hard(e.rng, (5, 3)))
    e.add("gradient of the targets", **e.both((2, 3)), wanted=["probs", "targets"])
    e.add("given logits", {"reduction": "none"}, role="logits", x=narrow(logits(e.rng, (3, 4))),
          targets=narrow(soft(e.rng, (3, 4))))
    e.add("given logits, weighted", role="logits", x=narrow(logits(e.rng, (3, 4))),
          targets=hard(e.rng, (3, 4)), weight=narrow(e.rng.uniform(0, 3, (3, 1))))
    e.add("given logits far out", {"reduction": "none"}, role="logits", check=False,
          x=np.array([200.0, -200, 200, -200]), targets=np.array([1.0, 0, 0, 1]),
          note="logits are activated stably: no log to floor")
    return e.cases


def bce_with_logits():
    e = Elements("bce_with_logits", "logits", 12, logits, soft)
    e.sizes(), e.reductions(), e.masking(), e.empty(), e.broken([np.nan, INF])
    extreme_logits(e), weighted(e)
    e.add("hard targets", x=narrow(logits(e.rng, (5, 3))), targets=hard(e.rng, (5, 3)))
    e.add("gradient of the targets", **e.both((2, 3)), wanted=["logits", "targets"])
    rng = e.rng
    for reduction in ("none", "mean", "sum"):
        e.add(f"pos_weight by class, {reduction}", {"reduction": reduction}, **e.both((3, 4)),
              pos_weight=narrow(rng.uniform(0.25, 4, 4)))
    e.add("pos_weight by pixel", **e.both((2, 3, 4)),
          pos_weight=narrow(rng.uniform(0.25, 4, (3, 1))))
    e.add("one pos_weight, and weight", **e.both((3, 4)), pos_weight=np.array([2.5]),
          weight=narrow(rng.uniform(0, 3, (3, 1))))
    e.add("pos_weight 0", {"reduction": "none"}, **e.both((6,)), pos_weight=np.array([0.0]))
    e.add("pos_weight far out", {"reduction": "none"}, check=False,
          x=np.array([50.0, -50, 1e4, -1e4]), targets=np.array([1.0, 1, 0.5, 0.5]),
          pos_weight=np.array([3.0]))
    return e.cases


def balanced_bce():
    e = Elements("balanced_bce", "probs", 13, probs, hard)
    e.sizes(lambda n: (1, n)), e.reductions(), e.empty((0, 3))
    e.add("soft targets", x=narrow(probs(e.rng, (3, 4))), targets=narrow(soft(e.rng, (3, 4))))
    e.add("samples of one class only", {"reduction": "none"}, x=narrow(probs(e.rng, (3, 4))),
          targets=np.array([[1.0] * 4, [0] * 4, [1, 0, 0, 0]]),
          note="beta is 0 or 1: no loss and no gradient")
    for beta in (0.0, 0.25, 0.9, 1.0):
        e.add(f"beta {beta}", {"beta": beta}, **e.both((2, 3)))
    e.add("beta with a mask", {"beta": 0.25, "reduction": "mean"}, **e.both((2, 3)),
          mask=np.array([[1.0, 0, 1], [1, 1, 0]]))
    for reduction in ("none", "sum"):
        e.add(f"a mask leaves elements out of the balance, {reduction}", {"reduction": reduction},
              x=narrow(probs(e.rng, (3, 4))), check=False,
              targets=np.array([[1.0, 0, 0, 1], [1, 1, 1, 0], [0, 1, 0, 1]]),
              mask=np.array([[1.0, 0, 1, 1], [1, 1, 1, 0], [0, 0, 0, 0]]))
    e.add("one vector is one sample", x=narrow(probs(e.rng, (7,))), targets=hard(e.rng, (7,)))
    e.add("what is masked may be NaN", {"reduction": "none"}, check=False,
          x=np.array([[0.25, np.nan, 0.5]]), targets=np.array([[1.0, np.nan, 0]]),
          mask=np.array([[1.0, 0, 1]]))
    e.add("sample_weight by sample", **e.both((3, 4)), sample_weight=np.array([[0.5], [0], [2]]))
    e.add("probabilities of exactly 0 and 1, wrong", {"reduction": "none"}, check=False,
          x=np.array([[0.0, 1, 0.5]]), targets=np.array([[1.0, 0, 0]]))
    e.add("given logits", {"reduction": "none"}, role="logits", x=narrow(logits(e.rng, (3, 4))),
          targets=hard(e.rng, (3, 4)))
    e.add("given logits, summed over images", role="logits",
          x=narrow(logits(e.rng, (2, 1, 3, 4))), targets=hard(e.rng, (2, 1, 3, 4)))
    e.add("given logits far out", {"reduction": "none"}, role="logits", check=False,
          x=np.array([[200.0, -200, 200, -200]]), targets=np.array([[1.0, 0, 0, 1]]))
    return e.cases


def sigmoid_focal():
    e = Elements("sigmoid_focal", "logits", 14, logits, hard)
    e.sizes(), e.reductions(), e.masking(), e.empty(), e.broken([np.nan, INF])
    extreme_logits(e)
    for gamma in (0.0, 0.2, 0.5, 1.0, 2.0, 5.0):
        g = float(np.float32(gamma))
        e.add(f"gamma {gamma}", {"gamma": g, "reduction": "none"}, **e.both((7,)))
        e.add(f"gamma {gamma}, soft targets", {"gamma": g, "reduction": "none"},
              x=narrow(logits(e.rng, (7,))), targets=narrow(soft(e.rng, (7,))))
        e.add(f"gamma {gamma}, far out", {"gamma": g, "reduction": "none"}, check=False,
              x=np.array([17.0, -17, 40, -40, 90, -90, 40, -40]),
              targets=np.array([1.0, 0, 1, 0, 1, 0, 0, 1]))
    for alpha in (None, 0.0, 0.25, 0.75, 1.0):
        e.add(f"alpha {alpha}", {"alpha": alpha, "reduction": "none"}, **e.both((6,)))
        e.add(f"alpha {alpha}, soft targets", {"alpha": alpha}, x=narrow(logits(e.rng, (2, 3))),
              targets=narrow(soft(e.rng, (2, 3))))
    e.add("soft targets far out", {"reduction": "none"}, check=False,
          x=np.array([40.0, -40, 1e4, -1e4]), targets=np.array([0.25, 0.75, 0.5, 0.5]))
    return e.cases


# ---- Hard negatives ---------------------------------------------------------

def ohem_balanced_bce():
    e = Elements("ohem_balanced_bce", "probs", 15, probs, lambda rng, shape: rng.random(shape) < 0.2)
    rng = e.rng
    for n in SIZES:
        e.add(f"{n} elements", **e.both((n,)))
    e.add("1100 elements", **e.both((11, 1, 10, 10)))
    for reduction in ("none", "mean", "sum"):
        e.add(f"reduction {reduction}", {"reduction": reduction}, **e.both((2, 1, 4, 4)))
    for ratio in (3.0, 1.0, 0.5, 0.0):
        e.add(f"negative_ratio {ratio}", {"negative_ratio": ratio},
              x=narrow(probs(rng, (24,))), targets=np.arange(24) % 4 == 0)
    e.add("negative_ratio times positives is rounded down", {"negative_ratio": 0.5},
          x=narrow(probs(rng, (8,))), targets=np.array([1.0, 1, 1, 0, 0, 0, 0, 0]))
    e.add("eps", {"eps": 0.5}, **e.both((2, 1, 3, 3)))
    e.add("normalizer", {"normalizer": 64}, **e.both((2, 1, 3, 3)), check=False)
    e.add("ties are broken by index", {"negative_ratio": 1.0}, check=False,
          x=np.array([0.25, 0.5, 0.75, 0.5, 0.5, 0.5, 0.125]),
          targets=np.array([1.0, 0, 1, 0, 0, 0, 0]))
    e.add("ties across the batch", {"negative_ratio": 2.0}, check=False,
          x=np.full((4, 1, 3, 3), 0.5), targets=np.eye(36)[17].reshape(4, 1, 3, 3))
    e.add("no positives: nothing counts", x=narrow(probs(rng, (6,))), targets=np.zeros(6))
    e.add("no positives, fallback_negatives", {"fallback_negatives": 3},
          x=narrow(probs(rng, (6,))), targets=np.zeros(6))
    e.add("fallback_negatives beyond what there is", {"fallback_negatives": 30},
          x=narrow(probs(rng, (6,))), targets=np.zeros(6))
    e.add("fallback_negatives beside positives is not used", {"fallback_negatives": 3},
          x=narrow(probs(rng, (6,))), targets=np.array([1.0, 0, 0, 0, 0, 0]))
    e.add("no negatives", x=narrow(probs(rng, (5,))), targets=np.ones(5))
    mask = narrow(rng.random((2, 3, 4)) < 0.6)
    e.add("mask without the channel axis", **e.both((2, 1, 3, 4)), mask=mask)
    e.add("mask with the channel axis", **e.both((2, 1, 3, 4)), mask=mask[:, None])
    e.add("mask, unreduced", {"reduction": "none"}, **e.both((2, 1, 3, 4)), mask=mask)
    e.add("mask of a flat batch", **e.both((9,)), mask=np.array([1.0, 0, 1, 1, 1, 0, 1, 0, 1]))
    e.add("everything masked", **e.both((2, 1, 3, 4)), mask=np.zeros((2, 3, 4)))
    for reduction in ("mean", "sum"):
        e.add(f"sample_weight by sample, {reduction}", {"reduction": reduction}, check=False,
              **e.both((3, 1, 3, 4)), sample_weight=np.array([0.5, 2, 0]),
              note="weights multiply what is kept; which negatives are hard is decided without")
    e.add("probabilities of exactly 0 and 1, wrong", check=False, x=np.array([0.0, 1, 0.5, 0.5]),
          targets=np.array([1.0, 0, 0, 0]))
    for reduction in ("none", "mean", "sum"):
        e.add(f"given logits, {reduction}", {"reduction": reduction}, role="logits",
              x=narrow(logits(rng, (2, 1, 4, 4))), targets=rng.random((2, 1, 4, 4)) < 0.2)
    e.add("given logits, a mask, ratio 1", {"negative_ratio": 1.0}, role="logits",
          x=narrow(logits(rng, (2, 1, 3, 4))), targets=rng.random((2, 1, 3, 4)) < 0.3, mask=mask)
    e.add("given logits far out", role="logits", check=False,
          x=np.array([200.0, -200, 200, -200, 0]), targets=np.array([1.0, 0, 0, 1, 0]))
    e.empty()
    return e.cases


# ---- Overlap ----------------------------------------------------------------

def dice():
    e = Elements("dice", "probs", 16, probs, hard)
    rng = e.rng
    e.sizes(lambda n: (2, n)), e.reductions(), e.empty((0, 2, 3))
    e.add("more than one block of pixels", {"reduction": "sum"}, role="logits",
          x=narrow(np.round(logits(rng, (3, 1000)), 1)), targets=hard(rng, (3, 1000)))
    e.add("soft targets", x=narrow(probs(rng, (3, 5))), targets=narrow(soft(rng, (3, 5))))
    for params in ({"smooth_nr": 0.5}, {"smooth_dr": 0.25}, {"smooth_nr": 1e-5, "smooth_dr": 1e-5},
                   {"squared_pred": False}, {"jaccard": True},
                   {"jaccard": True, "squared_pred": False, "smooth_nr": 1, "smooth_dr": 1},
                   {"include_background": False}, {"batch": True}, {"batch": True, "jaccard": True},
                   {"batch": True, "include_background": False}):
        name = ", ".join(f"{k} {v}" for k, v in params.items())
        e.add(name, params, **e.both((3, 2, 2, 3)))
        e.add("given logits, " + name, {"reduction": "sum", **params}, role="logits",
              x=narrow(logits(rng, (2, 3, 5))), targets=hard(rng, (2, 3, 5)))
    for reduction in ("none", "mean", "sum"):
        e.add(f"given logits, {reduction}", {"reduction": reduction}, role="logits",
              x=narrow(logits(rng, (3, 1, 4, 5))), targets=hard(rng, (3, 1, 4, 5)))
    e.add("given logits far out", {"reduction": "none"}, role="logits", check=False,
          x=np.array([[90.0, -90, 1e4, -1e4], [-90, -90, -1e4, -1e4]]),
          targets=np.array([[1.0, 0, 1, 0], [1, 0, 0, 0]]))
    e.add("one vector is one sample", {"reduction": "none"}, **e.both((9,)))
    e.add("batch, unreduced", {"reduction": "none", "batch": True}, **e.both((3, 2, 3)))
    e.add("nothing predicted and nothing there", {"reduction": "none"}, x=np.zeros((2, 4)),
          targets=np.zeros((2, 4)), note="a perfect empty prediction is scored worst")
    e.add("nothing there, no smoothing: 0/0", {"reduction": "none", "smooth_dr": 0.0},
          x=np.zeros((1, 3)), targets=np.zeros((1, 3)), check=False)
    e.add("all of it", {"reduction": "none"}, x=np.ones((2, 17)), targets=np.ones((2, 17)))
    e.add("mask by sample", **e.both((3, 5)), mask=np.array([1.0, 0, 1]))
    e.add("mask by sample, unreduced", {"reduction": "none"}, **e.both((3, 5)),
          mask=np.array([1.0, 0, 1]))
    e.add("every sample masked", **e.both((2, 5)), mask=np.zeros(2), check=False)
    e.add("sample_weight", **e.both((3, 5)), sample_weight=np.array([0.5, 0, 2]))
    e.add("sample_weight and mask, sum", {"reduction": "sum"}, **e.both((3, 5)),
          sample_weight=np.array([0.5, 3, 2]), mask=np.array([1.0, 0, 1]))
    broken = narrow(probs(rng, (2, 4)))
    broken[1, 2] = np.nan
    e.add("NaN stays in its sample", {"reduction": "none"}, x=broken, targets=hard(rng, (2, 4)),
          check=False)
    e.add("a masked sample may be NaN", {"reduction": "mean"}, x=broken, targets=hard(rng, (2, 4)),
          mask=np.array([1.0, 0]), check=False)
    return e.cases


def tversky():
    e = Elements("tversky", "probs", 46, probs, hard)
    rng = e.rng
    e.sizes(lambda n: (2, n)), e.reductions(), e.empty((0, 2, 3))
    e.add("more than one block of pixels", {"reduction": "sum"}, role="logits",
          x=narrow(np.round(logits(rng, (3, 1000)), 1)), targets=hard(rng, (3, 1000)))
    e.add("soft targets", x=narrow(probs(rng, (3, 5))), targets=narrow(soft(rng, (3, 5))))
    for params in ({"alpha": 0.25, "beta": 0.75}, {"alpha": 1, "beta": 1}, {"alpha": 0, "beta": 1},
                   {"smooth_nr": 0.5}, {"smooth_dr": 0.25}, {"smooth_nr": 0, "smooth_dr": 0},
                   {"include_background": False}, {"batch": True},
                   {"batch": True, "include_background": False}):
        name = ", ".join(f"{k} {v}" for k, v in params.items())
        e.add(name, params, **e.both((3, 2, 2, 3)))
        e.add("given logits, " + name, {"reduction": "sum", **params}, role="logits",
              x=narrow(logits(rng, (2, 3, 5))), targets=hard(rng, (2, 3, 5)))
    for reduction in ("none", "mean", "sum"):
        e.add(f"given logits, {reduction}", {"reduction": reduction}, role="logits",
              x=narrow(logits(rng, (3, 1, 4, 5))), targets=hard(rng, (3, 1, 4, 5)))
    e.add("one vector is one sample", {"reduction": "none"}, **e.both((9,)))
    e.add("nothing predicted and nothing there", {"reduction": "none"}, x=np.zeros((2, 4)),
          targets=np.zeros((2, 4)), note="costs 0 where the smoothings are the same")
    e.add("mask by sample", **e.both((3, 5)), mask=np.array([1.0, 0, 1]))
    e.add("sample_weight", **e.both((3, 5)), sample_weight=np.array([0.5, 0, 2]))
    return e.cases


# ---- Regression -------------------------------------------------------------

def regression(loss, seed, also=None):
    e = Elements(loss, "input", seed, normal, normal, also)
    e.sizes(), e.reductions(), e.masking(), e.empty(), e.broken([np.nan, INF, -INF])
    e.add("gradient of the targets", **e.both((3, 4)), wanted=["input", "targets"])
    e.add("equal: slope 0", {"reduction": "none"}, x=np.array([1.5, 0, -0.0, -3]),
          targets=np.array([1.5, 0, 0, -3]))
    e.add("small and large differences", {"reduction": "none"}, check=loss != "mse",
          x=np.array([1e-20, -1e-20, 1e-3, -1e6, 1e15, 3]), targets=np.array([0, 0, 0, 1e6, 0, 3]))
    e.add("one number", x=np.float64(1.25), targets=np.float64(-0.5))
    e.add("infinite", {"reduction": "none"}, x=np.array([INF, -INF, INF]),
          targets=np.array([0, 0, INF]), check=False)
    return e


def l1():
    return regression("l1", 17).cases


def mse():
    return regression("mse", 18).cases


def smooth_l1():
    e = regression("smooth_l1", 19)
    for beta in (0.0, 0.25, 1.0, 3.0):
        e.add(f"beta {beta}", {"beta": beta, "reduction": "none"}, **e.both((17,)))
        e.add(f"beta {beta}, at and around the turn", {"beta": beta, "reduction": "none"},
              x=np.array([beta, -beta, beta + 0.125, beta - 0.125, 0]), targets=np.zeros(5),
              check=beta > 0,
              note=None if beta else "beta 0 is L1, slope 0 at 0; PyTorch's slope there is -1")
    return e.cases


def log_cosh():
    e = regression("log_cosh", 41)
    e.add("around the turn between its two forms, and far away", {"reduction": "none"},
          x=np.array([7.999, 8.0, 8.001, -8.0, 1, 0.1, 90, -1000, 1e30]), targets=np.zeros(9))
    return e.cases


def quantile():
    e = regression("quantile", 42)
    for tau in (0.05, 0.5, 0.9):
        e.add(f"tau {tau}", {"tau": float(np.float32(tau)), "reduction": "none"}, **e.both((17,)))
    return e.cases


def positive(rng, shape):
    return rng.uniform(0.01, 5, shape)


def msle():
    e = Elements("msle", "input", 43, positive, positive)
    e.sizes(), e.reductions(), e.masking(), e.empty(), e.broken([np.nan, INF])
    e.add("gradient of the targets", **e.both((3, 4)), wanted=["input", "targets"])
    e.add("below eps", {"reduction": "none"}, x=np.array([-3, -0.5, 0, 1e-9, 2, 2.0]),
          targets=np.array([2, 0, -1, 3, -2, 0.0]), wanted=["input", "targets"])
    e.add("eps 0.25", {"eps": 0.25, "reduction": "none"}, **e.both((17,)))
    e.add("large numbers", {"reduction": "none"}, x=np.array([1e10, 1e30, 3.0]),
          targets=np.array([1.0, 1e20, 1e30]))
    return e.cases


def mape():
    e = Elements("mape", "input", 44, normal, positive)
    e.sizes(), e.reductions(), e.masking(), e.empty(), e.broken([np.nan, INF])
    e.add("targets of both signs, and their gradient", {"reduction": "none"}, **{
        "x": narrow(normal(e.rng, (3, 4))), "targets": narrow(normal(e.rng, (3, 4)))},
          wanted=["input", "targets"])
    e.add("targets of 0 and nearly", {"reduction": "none"}, x=np.array([1, -1, 0, 1e-9, 2.0]),
          targets=np.array([0, 0, 0, 1e-8, -1e-9]), wanted=["input", "targets"],
          check=False, note="a target below eps has no gradient through the denominator")
    e.add("eps 0.5", {"eps": 0.5, "reduction": "none"}, **e.both((17,)))
    e.add("far from the target, and large", {"reduction": "none"},
          x=np.array([2.9427194e-4, 0, 1e37, -3e38, 1e-30]), wanted=["input", "targets"],
          targets=np.array([-3.3146825, 4e36, 5e36, -3e38, 1.0]))
    return e.cases


def counts(rng, shape):
    return rng.integers(0, 9, shape)


def poisson_nll():
    e = Elements("poisson_nll", "input", 45, normal, counts)
    e.sizes(), e.reductions(), e.masking(), e.empty(), e.broken([np.nan, INF])
    e.add("gradient of the targets", **e.both((3, 4)), wanted=["input", "targets"])
    e.add("targets between counts, and below 0", {"reduction": "none"}, **{
        "x": narrow(normal(e.rng, (17,))), "targets": narrow(normal(e.rng, (17,)))})
    for log_input in (True, False):
        for full in (True, False):
            draw = normal if log_input else positive
            for reduction in ("none", "mean"):
                e.add(f"log_input {log_input}, full {full}, {reduction}",
                      {"log_input": log_input, "full": full, "reduction": reduction},
                      x=narrow(draw(e.rng, (19,))), targets=counts(e.rng, (19,)),
                      wanted=["input"] if full else ["input", "targets"])
    e.add("full, gradient of the targets", {"full": True}, x=narrow(normal(e.rng, (9,))),
          targets=2 + counts(e.rng, (9,)), wanted=["input", "targets"])
    e.add("Stirling begins above 1", {"full": True, "reduction": "none"},
          x=np.zeros(5), targets=np.array([0, 0.5, 1, 1.25, 60]))
    e.add("rates of 0", {"log_input": False, "reduction": "none"}, x=np.array([0, 0, 1e-8]),
          targets=np.array([0.0, 2, 3]))
    e.add("rates of 0 without eps", {"log_input": False, "eps": 0.0, "reduction": "none"},
          x=np.array([0.0, 0, -1]), targets=np.array([0.0, 2, 0]), check=False,
          note="a count of 0 leaves out the log")
    e.add("rates whose logarithm is -Infinity", {"reduction": "none"}, x=np.array([-INF, -INF]),
          targets=np.array([0.0, 1]), check=False, note="a count of 0 leaves out the product")
    e.add("large rates", {"reduction": "none"}, x=np.array([20.0, 80, -80]),
          targets=np.array([1e8, 1, 3]))
    return e.cases


def charbonnier():
    e = regression("charbonnier", 47)
    e.add("where 1 begins to count, and far away", {"reduction": "none"}, targets=np.zeros(8),
          x=np.array([8191.0, 8192, 8193, -1e10, 1e30, 3e38, 0.01, 1e-4]))
    return e.cases


def cauchy():
    e = regression("cauchy", 48)
    e.add("far away", {"reduction": "none"}, targets=np.zeros(6), check=False,
          x=np.array([2.0 ** 60, 2.0 ** 61, -1e20, 1e30, 3e38, -3e38]))
    return e.cases


def geman_mcclure():
    e = regression("geman_mcclure", 49)
    e.add("around the turn between its two forms, and far away", {"reduction": "none"},
          targets=np.zeros(8), x=np.array([1.875, 2, 2.125, -2, 1e3, 1e10, 3e38, -1e30]))
    return e.cases


def welsch():
    e = regression("welsch", 50)
    e.add("far away", {"reduction": "none"}, targets=np.zeros(7),
          x=np.array([5.0, -9, 12, 14.5, -100, 1e19, 3e38]))
    return e.cases


def gaussian_nll():
    e = regression("gaussian_nll", 51, {"var": positive})
    for full in (True, False):
        for reduction in ("none", "mean", "sum"):
            for shape in ((4, 3), (4, 1), (4,), (1,), ()):
                e.add(f"full {full}, {reduction}, variance of shape {shape}",
                      {"full": full, "reduction": reduction}, **e.both((4, 3)),
                      var=narrow(positive(e.rng, shape)))
    e.add("a variance for each row of images, a mask and weights", {"reduction": "mean"},
          **e.both((2, 3, 40)), var=narrow(positive(e.rng, (2, 3))),
          mask=np.array([1.0, 0]), sample_weight=narrow(positive(e.rng, (2, 3))))
    e.add("rows longer than a block", {"reduction": "sum"},
          x=narrow(normal(e.rng, (2, 1100))), targets=narrow(normal(e.rng, (2, 1100))),
          var=np.array([0.5, 2]))
    e.add("a variance for each sample, square", **e.both((3, 3)),
          var=narrow(positive(e.rng, (3,))), note="counts from the first axis, as in PyTorch")
    e.add("variances below eps", {"reduction": "none"}, check=False, x=np.array([0.5, 1, 1e-4]),
          targets=np.zeros(3), var=np.array([0.0, 1e-7, 1e-9]),
          note="the slope towards them is 0; PyTorch's is that at eps")
    e.add("eps 0.25", {"eps": 0.25, "reduction": "none"}, x=np.array([0.5, 1, 1e-4]),
          targets=np.zeros(3), var=np.array([0.25, 0.5, 0.75]))
    e.add("large residuals over large variances", {"reduction": "none"}, targets=np.zeros(3),
          x=np.array([1e20, -1e25, 1e30]), var=np.array([1e30, 1e38, 1.0]), check=False)
    e.add("gradient of all three", **e.both((3, 4)), wanted=["input", "targets", "var"])
    return e.cases


def huber():
    e = regression("huber", 20)
    for delta in (0.25, 1.0, 3.0):
        e.add(f"delta {delta}", {"delta": delta, "reduction": "none"}, **e.both((17,)))
        e.add(f"delta {delta}, at and around the turn", {"delta": delta, "reduction": "none"},
              x=np.array([delta, -delta, delta + 0.125, delta - 0.125, 0]), targets=np.zeros(5))
    return e.cases


FILES = {f.__name__: f for f in (binary_cross_entropy, bce_with_logits, balanced_bce,
                                 ohem_balanced_bce, sigmoid_focal, dice, tversky, l1, mse,
                                 smooth_l1, huber, log_cosh, quantile, msle, mape, poisson_nll, charbonnier,
                                 cauchy, geman_mcclure, welsch, gaussian_nll)}
