"""Reverse-mode differentiation over 60-digit numbers.

The reference of the golden vectors: a loss is written once as plain
arithmetic, its derivatives follow from the chain rule, and 60 digits make
every rounding of the reference irrelevant next to a double's 16.

The reference also says how many digits a fixed precision can be held to:

    size    of a value: what it would be had nothing in it cancelled,
            |a| + |b| for a - b
    reach   the same of a slope, over all the paths it is the sum of
    error   of a value: how far a rounding of every difference x - y moves it,
            in units of that rounding (e^(x - y) moves by |x - y| of its last
            places)
    wobble  the same of a slope
"""
import mpmath
import numpy as np

mpmath.mp.dps = 60
mpf = mpmath.mpf
NAN, INF = mpf("nan"), mpf("inf")

_tape = []


class Link:
    """A slope towards a Number, its reach and its wobble."""

    __slots__ = ("to", "slope", "reach", "wobble")

    def __init__(self, to, slope, wobble=0, reach=None):
        self.to, self.slope, self.wobble = to, slope, wobble
        self.reach = abs(slope) if reach is None else reach


class Number:
    """A value, and the slopes towards what it was computed from."""

    __slots__ = ("value", "links", "size", "error", "slope", "reach", "wobble")

    def __init__(self, value, links=(), size=None, error=None):
        self.value = value
        self.links = links
        self.size = abs(value) if size is None else size
        self.error = (mpmath.fsum(link.reach * link.to.error for link in links)
                      if error is None else error)
        self.slope = self.reach = self.wobble = mpf(0)
        _tape.append(self)

    def __add__(self, other):
        return total((self, other))

    def __sub__(self, other):
        return total((self, -lift(other)))

    def __mul__(self, other):
        other = lift(other)
        return Number(self.value * other.value,
                      (Link(self, other.value, other.error), Link(other, self.value, self.error)),
                      self.size * other.size)

    def __truediv__(self, other):
        other = lift(other)
        quotient, inverse = divide(self.value, other.value), divide(mpf(1), other.value)
        blur = abs(inverse) * other.error
        return Number(quotient,
                      (Link(self, inverse, abs(inverse) * blur),
                       Link(other, -quotient * inverse,
                            abs(inverse) * (abs(inverse) * self.error + 2 * abs(quotient) * blur))),
                      divide(self.size, abs(other.value)))

    def __neg__(self):
        return Number(-self.value, (Link(self, mpf(-1)),), self.size)

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


def total(numbers):
    """One node for a sum, however long; two inputs cancel exactly."""
    numbers = [lift(n) for n in numbers]
    value = mpmath.fsum(n.value for n in numbers)
    exact = len(numbers) == 2 and not any(is_derived(n) for n in numbers)
    size = abs(value) if exact else mpmath.fsum(n.size for n in numbers)
    error = abs(value) + mpmath.fsum(n.error for n in numbers)
    return Number(value, tuple(Link(n, mpf(1)) for n in numbers), size, error)


def is_derived(number):
    """Neither an input nor one with its sign changed."""
    links = number.links
    return bool(links) and not (len(links) == 1 and links[0].slope == -1 and not links[0].to.links)


def divide(a, b):
    """IEEE division: a / 0 is infinite or NaN."""
    if b != 0 or mpmath.isnan(b):
        return a / b
    return NAN if a == 0 or mpmath.isnan(a) else INF * mpmath.sign(a)


def exp(x):
    value = mpmath.exp(x.value)
    return Number(value, (Link(x, value, value * x.error),))


def minus_expm1(x):
    """1 - e^x"""
    value = mpmath.exp(x.value)
    return Number(-mpmath.expm1(x.value), (Link(x, -value, value * x.error),))


def log(x):
    slope = divide(mpf(1), x.value)
    value = mpmath.log(x.value) if x.value != 0 else -INF
    return Number(value, (Link(x, slope, slope * slope * x.error),))


def log1p(x):
    slope = 1 / (1 + x.value)
    return Number(mpmath.log1p(x.value), (Link(x, slope, slope * slope * x.error),))


def power(x, exponent):
    """x ** exponent for x >= 0 and a plain exponent; 0 ** 0 is 1."""
    if exponent == 0:
        return lift(1)
    e = mpf(exponent)
    if x.value == 0:
        return Number(mpf(0), (Link(x, mpf(exponent == 1) if exponent >= 1 else INF),))
    slope = e * x.value ** (e - 1)
    return Number(x.value ** e, (Link(x, slope, abs((e - 1) * slope / x.value) * x.error),))


def absolute(x):
    return Number(abs(x.value), (Link(x, mpmath.sign(x.value)),), x.size)


def sigmoid_value(x):
    if mpmath.isinf(x):
        return mpf(x > 0)
    return 1 / (1 + mpmath.exp(-x))


def sigmoid(x):
    value, rest = sigmoid_value(x.value), sigmoid_value(-x.value)
    return Number(value, (Link(x, value * rest),))


def softplus(x):
    """log(1 + e^x)"""
    if mpmath.isinf(x.value):
        value = x.value if x.value > 0 else mpf(0)
    else:
        value = mpmath.log1p(mpmath.exp(x.value))
    return Number(value, (Link(x, sigmoid_value(x.value)),))


def custom(value, *slopes):
    """A value with slopes that are decided rather than derived: (to, slope) or
    (to, slope, reach)."""
    return Number(value, tuple(Link(to, slope, 0, *reach) for to, slope, *reach in slopes))


def backward(root):
    """Fill .slope, .reach and .wobble of all that `root` was computed from; end the tape."""
    root.slope = root.reach = mpf(1)
    for number in reversed(_tape):
        if number.slope == 0 and number.reach == 0:
            continue
        for link in number.links:
            to = link.to
            to.slope += number.slope * link.slope
            to.reach += number.reach * link.reach
            to.wobble += number.wobble * link.reach + number.reach * link.wobble
    _tape.clear()


def to_double(value):
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
