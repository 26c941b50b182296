"""Cases of the losses of scores and targets of -1 and 1."""
import numpy as np

from case import narrow
from cases_elements import INF, Elements, normal


def signs(rng, shape):
    return rng.choice([-1.0, 1.0], shape)


def scores(loss, seed, also=None, role="input"):
    e = Elements(loss, role, seed, normal, signs, also)
    e.sizes(), e.reductions(), e.masking(), e.empty(), e.broken([np.nan, INF, -INF])
    e.add("one number", x=np.float64(1.25), targets=np.float64(-1))
    e.add("infinite", {"reduction": "none"}, x=np.array([INF, -INF, INF, -INF]), check=False,
          targets=np.array([1.0, 1, -1, -1]))
    e.add("far out", {"reduction": "none"}, x=np.array([90.0, -90, 1e4, -1e4, 1e30, -1e-30]),
          targets=np.array([1.0, 1, -1, -1, 1, 1]), check=False)
    return e


def soft_margin():
    e = scores("soft_margin", 60)
    e.add("gradient of the targets", **e.both((3, 4)), wanted=["input", "targets"])
    e.add("other targets", {"reduction": "none"}, x=np.array([0.5, -1, 2]),
          targets=np.array([0, 0.5, 3]))
    return e.cases


def hinge():
    e = scores("hinge", 61)
    e.add("gradient of the targets", **e.both((3, 4)), wanted=["input", "targets"])
    e.add("at the margin", {"reduction": "none"}, x=np.array([1.0, -1, 1.125, 0.875]),
          targets=np.array([1.0, -1, 1, 1]))
    return e.cases


def squared_hinge():
    e = scores("squared_hinge", 62)
    e.add("gradient of the targets", **e.both((3, 4)), wanted=["input", "targets"])
    e.add("at the margin", {"reduction": "none"}, x=np.array([1.0, -1, 1.125, 0.875]),
          targets=np.array([1.0, -1, 1, 1]))
    return e.cases


def hinge_embedding():
    e = scores("hinge_embedding", 63)
    for margin in (0.0, 0.25, 3.0, -1.0):
        e.add(f"margin {margin}", {"margin": margin, "reduction": "none"}, **e.both((17,)))
        e.add(f"margin {margin}, at it", {"margin": margin, "reduction": "none"},
              x=np.array([margin, margin + 0.125, margin - 0.125]), targets=-np.ones(3))
    e.add("other targets add both", {"reduction": "none"}, x=np.array([0.5, 2, -1]),
          targets=np.array([0, 3, 0.5]))
    e.add("a target of NaN", {"reduction": "none"}, x=np.array([0.5, 2]),
          targets=np.array([np.nan, 1]), check=False)
    return e.cases


def margin_ranking():
    e = scores("margin_ranking", 64, {"input2": normal}, "input1")
    for margin in (0.0, 0.25, 3.0, -1.0):
        e.add(f"margin {margin}", {"margin": margin, "reduction": "none"}, **e.both((17,)))
    e.add("ties", {"reduction": "none"}, x=np.array([1.5, 2, 0]), targets=np.array([1.0, -1, 1]),
          input2=np.array([1.5, 2, 0]))
    e.add("one target for all", x=narrow(normal(e.rng, (3, 4))), targets=np.array([1.0]))
    e.add("targets by column", x=narrow(normal(e.rng, (3, 4))), targets=signs(e.rng, (4,)))
    e.add("infinities that meet", {"reduction": "none"}, x=np.array([INF, 1.0]),
          targets=np.ones(2), input2=np.array([INF, 2.0]), check=False)
    e.add("gradient of the first alone", **e.both((3, 4)), wanted=["input1"])
    return e.cases


FILES = {f.__name__: f for f in (soft_margin, hinge, squared_hinge, hinge_embedding,
                                 margin_ranking)}
