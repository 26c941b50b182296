"""Cases of the losses of log-probabilities that a policy gave."""
import numpy as np

from case import Drawn, narrow
from cases_elements import INF, SIZES


def logps(rng, shape):
    return narrow(-np.abs(rng.normal(0, 2, shape)) - 0.01)


class Policy(Drawn):
    """What each is asked."""

    def common(self):
        for n in SIZES:
            self.add(f"{n} elements", {"reduction": "none"}, self.draw((n,)))
        self.add("1100 elements", {"reduction": "sum"}, self.draw((1100,)))
        for shape in ((3, 4), (2, 3, 4)):
            self.add(f"shape {shape}", inputs=self.draw(shape))
        self.reductions((4, 5))
        self.add("mask", inputs=self.draw((2, 4)),
                 mask=np.array([[1.0, 0, 1, 1], [0, 1, 1, 0]]))
        self.add("everything masked", inputs=self.draw((2, 3)), mask=np.zeros((2, 3)), check=False)
        self.add("sample_weight", inputs=self.draw((2, 4)),
                 sample_weight=np.array([[0.5, 0, 2, 1], [3, 0.25, 1, 1]]))
        broken = self.draw((4,))
        next(iter(broken.values()))[1] = np.nan
        self.add("what is masked may be NaN", inputs=broken, mask=np.array([1.0, 0, 1, 1]),
                 check=False)
        self.add("what has sample_weight 0 may be NaN", inputs=broken, check=False,
                 sample_weight=np.array([1.0, 0, 1, 1]))
        self.add("NaN stays in its element", {"reduction": "none"}, broken, check=False)
        self.empty((0,))


def dpo():
    roles = ("chosen_logps", "rejected_logps", "ref_chosen_logps", "ref_rejected_logps")

    def inputs_of(rng, shape):
        return {role: narrow(10 * logps(rng, shape)) for role in roles}

    p = Policy("dpo", 90, inputs_of)
    p.common()
    for kind in ("sigmoid", "robust", "hinge", "ipo"):
        for beta in (0.1, 1.0):
            p.add(f"{kind}, beta {beta}", {"kind": kind, "beta": beta, "reduction": "none"},
                  p.draw((17,)))
        p.add(f"{kind}, no reference", {"kind": kind, "reduction": "none"},
              {role: x for role, x in p.draw((9,)).items() if not role.startswith("ref")})
        p.add(f"{kind}, NaN", {"kind": kind, "reduction": "none"}, check=False, inputs={
            "chosen_logps": np.array([np.nan, -1.0]), "rejected_logps": np.array([-1.0, -2])})
    for kind in ("sigmoid", "robust"):
        for e in (0.1, 0.4):
            p.add(f"{kind}, label_smoothing {e}", {"kind": kind, "label_smoothing": e,
                                                   "reduction": "none"}, p.draw((9,)))
    for kind in ("sigmoid", "hinge"):
        p.add(f"{kind}, margin", {"kind": kind, "margin": 0.5, "beta": 2.0}, p.draw((9,)))
    p.add("hinge, at the margin", {"kind": "hinge", "beta": 1.0, "reduction": "none"},
          {"chosen_logps": np.array([-1.0, -2, -3]), "rejected_logps": np.array([-2.0, -2.5, -5])})
    for kind in ("sigmoid", "hinge"):
        p.add(f"{kind}, infinities", {"kind": kind, "reduction": "none"}, check=False, inputs={
            "chosen_logps": np.array([-INF, -1.0, -INF]),
            "rejected_logps": np.array([-1.0, -INF, -INF])})
    p.add("the gradient of the rejected alone", inputs=p.draw((5,)), wanted=["rejected_logps"])
    return p.cases


def grpo():
    def inputs_of(rng, shape):
        old = logps(rng, shape)
        return {"logps": narrow(old + rng.normal(0, 0.3, shape)), "old_logps": old,
                "advantages": narrow(rng.normal(0, 1, shape)),
                "ref_logps": narrow(old + rng.normal(0, 0.5, shape))}

    p = Policy("grpo", 91, inputs_of)
    p.common()
    for name, params in (("beta 1", {"beta": 1.0}), ("beta 0", {"beta": 0.0}),
                         ("clip higher", {"epsilon_low": 0.1, "epsilon_high": 0.4}),
                         ("no room", {"epsilon_low": 0.0, "epsilon_high": 0.0})):
        p.add(name, {"reduction": "none", **params}, p.draw((17,)))
    p.add("no reference", {"reduction": "none"},
          {role: x for role, x in p.draw((9,)).items() if role != "ref_logps"})
    by_sequence = p.draw((3, 4))
    by_sequence["advantages"] = np.array([0.5, -1, 0])
    p.add("advantages by sequence", {"reduction": "none"}, by_sequence)
    p.add("advantages in a column", {"reduction": "none"},
          {**by_sequence, "advantages": np.array([[0.5], [-1], [2]])})
    x = p.draw((6,))
    p.add("close to the reference", {"reduction": "none", "beta": 1.0}, check=False, inputs={
        **x, "ref_logps": narrow(x["logps"] + np.array([0, 1e-6, -1e-3, 0.1, 0.49, -0.6]))})
    p.add("far apart", {"reduction": "none"}, check=False, inputs={
        "logps": np.array([-1.0, -1, -100, -1, -1]), "old_logps": np.array([-60.0, -60, -1, -1, -1]),
        "advantages": np.array([1.0, -1, 1, 1, 1]), "ref_logps": np.array([-1.0, -1, -1, -50, 20])})
    p.add("no divergence is infinite twice", {"reduction": "none"}, check=False, inputs={
        "logps": np.array([-INF, -1.0]), "old_logps": np.array([-1.0, -1]),
        "advantages": np.array([1.0, 1]), "ref_logps": np.array([-1.0, -INF])})
    p.add("an advantage of 0 costs nothing", {"reduction": "none"}, check=False, inputs={
        "logps": np.array([0.0, INF]), "old_logps": np.array([-1e3, -1.0]),
        "advantages": np.zeros(2)})
    return p.cases


FILES = {f.__name__: f for f in (dpo, grpo)}
