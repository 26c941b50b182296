"""Class weights from counts: the five rules, at 60 digits."""
import json

import mpmath

from precise import mpf, to_double

COUNTS = [[1, 1], [5, 3, 2], [90, 9, 1], [7], [4, 4, 4, 4], [1000000, 1, 500, 20, 3],
          [2 ** 40, 12345, 6]]
WITH_ZEROS = [[5, 0, 2], [0, 0, 3], [10, 1, 0, 4]]


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def weight(rule, params, count, counts):
    n, c = mpf(sum(counts)), len(counts)
    count = mpf(count)
    present = [mpf(k) / n for k in counts if k]
    return {
        "inverse_log_frequency": lambda: 1 / mpmath.log(mpf(params.get("a", 1.02)) + count / n),
        "inverse_frequency": lambda: n / count,
        "balanced": lambda: n / (c * count),
        "effective_number": lambda: (1 - mpf(params["beta"])) / (1 - mpf(params["beta"]) ** count),
        "median_frequency": lambda: median(present) / (count / n),
    }[rule]()


def weights(rule, params, counts):
    found = [weight(rule, params, k, counts) if k else None for k in counts]
    largest = max(w for w in found if w is not None)
    absent = largest if params.get("on_zero_count") == "max_finite" else mpf(0)
    return [to_double(absent if w is None else w) for w in found]


def case(rule, counts, **params):
    return {"rule": {"from": rule, **params}, "counts": counts,
            "weights": weights(rule, params, counts)}


def all_cases():
    cases = []
    for counts in COUNTS:
        cases += [case("inverse_log_frequency", counts),
                  case("inverse_log_frequency", counts, a=1.5),
                  case("inverse_frequency", counts), case("balanced", counts),
                  case("median_frequency", counts)]
        cases += [case("effective_number", counts, beta=beta) for beta in (0.0, 0.5, 0.999)]
    for counts in WITH_ZEROS:
        for policy in ("drop", "max_finite"):
            cases += [case(rule, counts, on_zero_count=policy)
                      for rule in ("inverse_frequency", "balanced", "median_frequency")]
            cases.append(case("effective_number", counts, beta=0.9, on_zero_count=policy))
    return cases


def write(path):
    cases = all_cases()
    lines = [json.dumps(c, separators=(",", ":")) for c in cases]
    with open(path, "w") as out:
        out.write("[\n" + ",\n".join(lines) + "\n]\n")
    return len(cases)
