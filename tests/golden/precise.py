"""Reverse-mode differentiation over 60-digit numbers.

The reference of the golden vectors: a loss is written once as plain
arithmetic, its derivatives follow from the chain rule, and 60 digits make
every rounding of the reference irrelevant next to a double's 16.
"""
import mpmath
import numpy as np

mpmath.mp.dps = 60
mpf = mpmath.mpf
NAN, INF = mpf("nan"), mpf("inf")

_tape = []


class Number:
    """A value, and the slopes towards what it was computed from."""

    __slots__ = ("value", "links", "slope")

    def __init__(self, value, links=()):
        self.value = value
        self.links = links
        self.slope = mpf(0)
        _tape.append(self)

    def __add__(self, other):
        other = lift(other)
        return Number(self.value + other.value, ((self, mpf(1)), (other, mpf(1))))

    def __sub__(self, other):
        other = lift(other)
        return Number(self.value - other.value, ((self, mpf(1)), (other, mpf(-1))))

    def __mul__(self, other):
        other = lift(other)
        return Number(self.value * other.value, ((self, other.value), (other, self.value)))

    def __truediv__(self, other):
        other = lift(other)
        quotient = divide(self.value, other.value)
        return Number(quotient, ((self, divide(mpf(1), other.value)),
                                 (other, -divide(quotient, other.value))))

    def __neg__(self):
        return Number(-self.value, ((self, mpf(-1)),))

    def __rsub__(self, other):
        return lift(other) - self

    def __rtruediv__(self, other):
        return lift(other) / self

    __radd__, __rmul__ = __add__, __mul__


def lift(x):
    return x if isinstance(x, Number) else Number(mpf(x))


def lift_array(array):
    """Every element a Number of its own; the shape stays."""
    out = np.empty(array.shape, dtype=object)
    for i in np.ndindex(array.shape):
        out[i] = lift(float(array[i]))
    return out


def divide(a, b):
    """IEEE division: a / 0 is infinite or NaN."""
    if b != 0 or mpmath.isnan(b):
        return a / b
    return NAN if a == 0 or mpmath.isnan(a) else INF * mpmath.sign(a)


def total(numbers):
    """One node for a sum, however long."""
    numbers = [lift(n) for n in numbers]
    return Number(mpmath.fsum(n.value for n in numbers), tuple((n, mpf(1)) for n in numbers))


def exp(x):
    value = mpmath.exp(x.value)
    return Number(value, ((x, value),))


def log(x):
    return Number(mpmath.log(x.value) if x.value != 0 else -INF, ((x, divide(mpf(1), x.value)),))


def log1p(x):
    return Number(mpmath.log1p(x.value), ((x, 1 / (1 + x.value)),))


def power(x, exponent):
    """x ** exponent for x >= 0 and a plain exponent; 0 ** 0 is 1."""
    if exponent == 0:
        return lift(1)
    slope = exponent * x.value ** (exponent - 1) if x.value != 0 or exponent >= 1 else INF
    return Number(x.value ** mpf(exponent), ((x, slope),))


def absolute(x):
    return Number(abs(x.value), ((x, mpmath.sign(x.value)),))


def sigmoid_value(x):
    if mpmath.isinf(x):
        return mpf(x > 0)
    return 1 / (1 + mpmath.exp(-x))


def sigmoid(x):
    value, rest = sigmoid_value(x.value), sigmoid_value(-x.value)
    return Number(value, ((x, value * rest),))


def softplus(x):
    """log(1 + e^x)"""
    if mpmath.isinf(x.value):
        value = x.value if x.value > 0 else mpf(0)
    else:
        value = mpmath.log1p(mpmath.exp(x.value))
    return Number(value, ((x, sigmoid_value(x.value)),))


def custom(value, *links):
    """A value with slopes that are decided rather than derived."""
    return Number(value, links)


def backward(root):
    """Fill .slope of everything `root` was computed from, and end the tape."""
    root.slope = mpf(1)
    for number in reversed(_tape):
        if number.slope == 0:
            continue
        for other, slope in number.links:
            other.slope = other.slope + number.slope * slope
    _tape.clear()


def to_double(value):
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
