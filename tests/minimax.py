#!/usr/bin/env python3
"""The polynomial coefficients of lib/simd/math.h, and where they come from.

Each line of FITS is a function q(t) on an interval, a degree, and the weight
its error has in the result.  The Remez exchange finds the polynomial with the
smallest weighted maximum error; its coefficients are rounded to the dtype, and
the error printed is that of the rounded polynomial.

    minimax.py            print every table, with the error of the rounded fit
    minimax.py exp 32     print one
    minimax.py --check    fail unless the header has exactly these, in this order

Needs mpmath and numpy.
"""
import pathlib
import re
import sys

import numpy as np
from mpmath import atan, cos, exp, expm1, log, lu_solve, matrix, mp, mpf, pi, sqrt

mp.dps = 45
LN2 = log(mpf(2))


def taylor_safe(q, series):
    """q(t) with its power series used near 0, where the closed form cancels."""
    return lambda t: series(t) if abs(t) < mpf(10) ** -8 else q(t)


def exp_q(r):
    return (exp(r) - 1 - r) / r**2


def exp_series(r):
    return mpf(1) / 2 + r / 6 + r**2 / 24 + r**3 / 120


def atanh_q(z):
    """(log((1+s)/(1-s)) - 2s) / s^3 as a function of z = s^2."""
    s = sqrt(z)
    return (log((1 + s) / (1 - s)) - 2 * s) / s**3


def atanh_series(z):
    return mpf(2) / 3 + 2 * z / 5 + 2 * z**2 / 7 + 2 * z**3 / 9


def log_pair_q(z):
    """What atanh_q has behind its first term 2/3, divided by z."""
    return (atanh_q(z) - mpf(2) / 3) / z


def log_pair_series(z):
    return mpf(2) / 5 + 2 * z / 7 + 2 * z**2 / 9 + 2 * z**3 / 11


def atan_q(z):
    """(atan(t) - t) / t^3 as a function of z = t^2."""
    t = sqrt(z)
    return (atan(t) - t) / t**3


def atan_series(z):
    return -mpf(1) / 3 + z / 5 - z**2 / 7 + z**3 / 9


EXP = taylor_safe(exp_q, exp_series)
ATANH = taylor_safe(atanh_q, atanh_series)
LOG_PAIR = taylor_safe(log_pair_q, log_pair_series)
ATAN = taylor_safe(atan_q, atan_series)

HALF_LN2 = LN2 / 2 * (1 + mpf(10) ** -5)
THIRD = mpf(1) / 3
S_MAX = mpf(1) / 5  # s = f / (2 + f) of f in [-1/3, 1/3]


def w_exp(r):
    return r**2 / exp(r)


def w_expm1(r):
    return r**2 / expm1(r) if r else r


def w_atanh(z):
    s = sqrt(z)
    return s**3 / log((1 + s) / (1 - s)) if s else s


def w_log_pair(z):
    return z * w_atanh(z)


def w_atan(z):
    t = sqrt(z)
    return t**3 / atan(t) if t else t


TAN_PI_8 = sqrt(mpf(2)) - 1

#       name, bits: q, from, to, degree, weight
FITS = {
    ("exp", 32): (EXP, -HALF_LN2, HALF_LN2, 4, w_exp),
    ("exp", 64): (EXP, -HALF_LN2, HALF_LN2, 9, w_exp),
    ("expm1", 32): (EXP, -mpf(1) / 2, mpf(1) / 2, 5, w_expm1),
    ("expm1", 64): (EXP, -mpf(1) / 2, mpf(1) / 2, 11, w_expm1),
    ("atanh", 32): (ATANH, mpf(0), S_MAX**2, 2, w_atanh),
    ("atanh_unit", 32): (ATANH, mpf(0), THIRD**2, 3, w_atanh),
    ("atanh", 64): (ATANH, mpf(0), S_MAX**2, 6, w_atanh),
    ("log_pair", 32): (LOG_PAIR, mpf(0), S_MAX**2, 2, w_log_pair),
    ("log_pair", 64): (LOG_PAIR, mpf(0), S_MAX**2, 7, w_log_pair),
    ("atan", 32): (ATAN, mpf(0), TAN_PI_8**2, 4, w_atan),
    ("atan", 64): (ATAN, mpf(0), TAN_PI_8**2, 10, w_atan),
}


def horner(c, t):
    y = mpf(0)
    for a in reversed(c):
        y = y * t + a
    return y


def extrema_of(err):
    """The index of the largest |error| of each run of one sign."""
    found, run, sign = [], None, 0
    for i, e in enumerate(err):
        s = (e > 0) - (e < 0) or sign
        if run is None or s != sign:
            if run is not None:
                found.append(run)
            run, sign = i, s
        elif abs(e) > abs(err[run]):
            run = i
    return found + [run]


def remez(g, lo, hi, degree, weight):
    """Coefficients of the polynomial with the smallest max |weight * error|."""
    n = degree + 1
    # Cosine grid, off the centre: the weights are 0 at t = 0.
    grid = [(lo + hi) / 2 - (hi - lo) / 2 * cos(pi * (i + mpf(1) / 3) / 1000) for i in range(1000)]
    w = [abs(weight(t)) for t in grid]
    wg = [a * g(t) for a, t in zip(w, grid)]
    at = [int((i + 0.4) * 1000 / (n + 1)) for i in range(n + 1)]
    for _ in range(40):
        a = matrix(n + 1, n + 1)
        b = matrix(n + 1, 1)
        for i, k in enumerate(at):
            for j in range(n):
                a[i, j] = w[k] * grid[k] ** j
            a[i, n] = (-1) ** i
            b[i] = wg[k]
        x = lu_solve(a, b)
        c = [x[j] for j in range(n)]
        err = [u - v * horner(c, t) for u, v, t in zip(wg, w, grid)]
        peaks = extrema_of(err)
        while len(peaks) > n + 1:
            peaks.pop(0 if abs(err[peaks[0]]) < abs(err[peaks[-1]]) else -1)
        if len(peaks) < n + 1 or peaks == at:
            break
        at = peaks
    return c


def rounded(v, bits):
    return mpf(float(np.float32(float(v)))) if bits == 32 else mpf(float(v))


def fit(name, bits):
    g, lo, hi, degree, weight = FITS[name, bits]
    c = [rounded(v, bits) for v in remez(g, lo, hi, degree, weight)]
    grid = [lo + (hi - lo) * mpf(i) / 2001 for i in range(2002)]
    worst = max(abs(weight(t) * (g(t) - horner(c, t))) for t in grid)
    return c, worst


HEADER = pathlib.Path(__file__).resolve().parent.parent / "lib/simd/math.h"


def check():
    """The coefficients of every fit stand side by side in the header."""
    number = r"-?0x[0-9a-f]+\.[0-9a-f]+p[+-]\d+"
    in_header = [float.fromhex(v) for v in re.findall(number, HEADER.read_text())]
    for name, bits in FITS:
        c = [float(v) for v in fit(name, bits)[0]]
        places = range(len(in_header) - len(c) + 1)
        if not any(in_header[i : i + len(c)] == c for i in places):
            sys.exit(f"{HEADER}: other coefficients for {name}, float{bits}")
    print(f"{HEADER.name}: the coefficients of all {len(FITS)} fits")


def print_fits(want):
    for name, bits in FITS:
        if want and [name, str(bits)] != want:
            continue
        c, worst = fit(name, bits)
        ulp = worst * mpf(2) ** (24 if bits == 32 else 53)
        print(f"{name}, float{bits}: relative error {float(worst):.2e} ({float(ulp):.3f} ULP)")
        for v in c:
            print(f"\t{float(v).hex()},")


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        check()
    else:
        print_fits(sys.argv[1:])
