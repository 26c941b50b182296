#!/usr/bin/python3
"""Measure what the catalogue states of each loss: the error of the float32 loss, in ULP.

    /usr/bin/python3 tests/golden/measure.py [--rounds 4] LOSSD [name ...]

needs python3-numpy and python3-mpmath.  The cases of make_golden.py are drawn
anew in each round, unreduced, and evaluated by `LOSSD eval`; the reference is
formulas.py at 60 digits.  Errors are counted as tests/test_golden.c does: in
units of the last place of the loss, or of the largest of its terms where those
cancel.  What rounding a difference costs that an exponential magnifies (e^(x - y)
loses |x - y| roundings) is no error of the loss.  The exit status is 1 if a loss
is worse than its entry says.
"""
import argparse
import json
import math
import os
import re
import subprocess
import sys

import numpy as np

import case
import make_golden
from case import Case, tensor

ENTRIES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib", "losses")

SOFTMAX_ERROR = 4 * 2.0 ** -52  # of the sum of a softmax, as in test_golden.c
ROUNDING = 2.0 ** -24
OWN = 4  # roundings of differences that a loss is held to like any others

draw_of = np.random.default_rng


def ulp(x):
    """The distance from |x| to the next float32."""
    return math.ldexp(1, max(math.frexp(x)[1] - 24, -149)) if x else math.ldexp(1, -149)


class Unreduced(Case):
    """A case with the losses as they are, and no second opinion."""

    def __init__(self, name, loss, params=None, **more):
        params = {k: v for k, v in (params or {}).items() if k != "normalizer"}
        more["check"] = False
        super().__init__(name, loss, {**params, "reduction": "none"}, **more)

    def request(self):
        inputs = {role: tensor(value) for role, value in self.inputs.items()}
        for value in inputs.values():
            value.pop("int", None)
        return {"loss": {"name": self.loss, **self.params}, "gradient": False,
                "diagnostics": "off", **inputs}


def stated(name):
    """The bound in the entry of a loss, or None: a file of several losses has none."""
    path = os.path.join(ENTRIES, name + ".c")
    if not os.path.exists(path):
        return None
    with open(path) as entry:
        return float(re.search(r"\.ulp = ([0-9.]+)", entry.read())[1])


def flat(values):
    return [float(x) for x in np.asarray(values, dtype=object).flat]


def nested(values):
    return [y for x in values for y in nested(x)] if isinstance(values, list) else [values]


def errors(lossd, drawn):
    """Of each loss that is finite, in ULP."""
    reply = subprocess.run([lossd, "eval", "-"], input=json.dumps(drawn.request()),
                           capture_output=True, text=True)
    if reply.returncode not in (0, 3):
        raise RuntimeError(f"{drawn.loss}: {drawn.name}: {reply.stdout}{reply.stderr}")
    got = [float(x) for x in nested(json.loads(reply.stdout)["loss"])]
    numbers = (flat(drawn.value), flat(drawn.size), flat(drawn.error))
    for mine, want, size, error in zip(got, *numbers, strict=True):
        if math.isfinite(mine) and math.isfinite(want):
            size = max(abs(want), size if math.isfinite(size) else 0)
            magnified = max(0, error - OWN * size) * ROUNDING if math.isfinite(error) else 0
            yield max(0, abs(mine - want) - SOFTMAX_ERROR - magnified) / ulp(size)


def measure(lossd, name, rounds):
    worst, where, count = 0, "", 0
    for again in range(rounds):
        np.random.default_rng = lambda seed, again=again: draw_of([seed, again + 1])
        for drawn in make_golden.FILES[name]():
            for error in errors(lossd, drawn) if not drawn.float64_only else ():
                count += 1
                if error > worst:
                    worst, where = error, drawn.name
    return worst, where, count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("lossd")
    parser.add_argument("name", nargs="*")
    args = parser.parse_args()
    for module in [case, *vars(make_golden).values()]:
        if getattr(module, "Case", None) is Case:
            module.Case = Unreduced
    good = True
    for name in args.name or make_golden.FILES:
        bound = stated(name)
        if bound is None:
            continue
        worst, where, count = measure(args.lossd, name, args.rounds)
        good = good and worst <= bound
        print(f"{name:28}{worst:6.2f} of {bound:g} ULP, {count} losses, worst: {where}",
              flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
