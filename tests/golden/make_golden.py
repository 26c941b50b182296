#!/usr/bin/python3
"""Make the golden vectors: one JSON file of cases for each loss.

    /usr/bin/python3 tests/golden/make_golden.py [name ...]

needs python3-numpy, python3-mpmath and python3-torch.  The numbers come from
formulas.py at 60 digits; torch_check.py computes the same with PyTorch in
float64 wherever no decision of ours stands against it, and the script stops if
the two disagree.  Inputs are float32 numbers, so that one file serves both
dtypes; expectations are rounded once, to double.

A case:
    name, note          what it is about
    float64_only        the inputs are no float32 numbers
    loss                the loss and its parameters, as in a request
    inputs              by role: shape, data, "int" for class indices
    expect              loss (a tensor for reduction none), sum, denominator,
                        gradients by role
    cancelled           where a number has fewer digits than its dtype because
                        its terms do: their size, by index (see precise.py)
NaN and infinities are strings.  class_weights.json holds the rules that turn
counts into weights: rule, counts, weights.
"""
import os
import sys
import warnings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import cases_article
import cases_elements
import cases_margins
import cases_policy
import cases_rows
import cases_rowsums
import cases_sequences
import class_weights
from case import write

FILES = {**cases_rows.FILES, **cases_elements.FILES, **cases_margins.FILES,
         **cases_rowsums.FILES, **cases_policy.FILES, **cases_sequences.FILES,
         **cases_article.FILES}
FOLDER = os.path.dirname(os.path.abspath(__file__))


def make(name):
    path = os.path.join(FOLDER, name + ".json")
    if name == "class_weights":
        print(f"{name}: {class_weights.write(path)} cases")
        return
    cases = FILES[name]()
    write(path, cases)
    print(f"{name}: {len(cases)} cases, {sum(c.check for c in cases)} checked against PyTorch, "
          f"{os.path.getsize(path)} bytes")


def main(wanted):
    # PyTorch warns that kl_div's `mean` is no KL divergence; it is what we compare.
    warnings.filterwarnings("ignore", message="reduction: 'mean' divides")
    for name in wanted or [*FILES, "class_weights"]:
        make(name)


if __name__ == "__main__":
    main(sys.argv[1:])
