"""Every loss as plain arithmetic over precise numbers.

A formula takes the inputs by role (arrays of Number, class indices as int64)
and the parameters, and returns

    losses   the unreduced losses, an array of Number
    counts   what each adds to the denominator of the mean, a plain array

Masks, sample weights and reductions are common to all: see reduce_losses().
The decisions that stand above the formulas: a term whose target or weight is
exactly 0 is left out, so 0 x inf cannot arise; ignored rows are left out
entirely; a row of nothing but -inf is NaN unless on_masked_row says otherwise.
"""
import math

import mpmath
import numpy as np

from precise import (INF, NAN, Number, absolute, custom, divide, exp, lift, lift_array, log,
                     log1p, minus_expm1, mpf, power, sigmoid, sigmoid_value, softplus, total)

FORMULAS = {}


def formula(function):
    FORMULAS[function.__name__] = function
    return function


# ---- Reductions -------------------------------------------------------------

class Reduced:
    """What an evaluation answers: .loss is a Number or an array of them."""

    def __init__(self, loss, objective, sum_=None, denominator=None):
        self.loss, self.objective = loss, objective
        self.sum, self.denominator = sum_, denominator


def broadcast(array, shape):
    return None if array is None else np.broadcast_to(array, shape)


def by_unit(array, shape):
    """Masks and sample weights count their axes from the sample axis."""
    if array is None:
        return None
    return broadcast(array.reshape(array.shape + (1,) * (len(shape) - array.ndim)), shape)


def select(losses, counts, mask, sample_weight):
    """Masked units leave value and denominator; weights multiply the value only."""
    mask, weight = by_unit(mask, losses.shape), by_unit(sample_weight, losses.shape)
    out, count = losses.copy(), np.array(counts, dtype=object)
    for i in np.ndindex(losses.shape):
        if mask is not None and mask[i].value == 0:
            out[i], count[i] = lift(0), 0
        elif weight is not None:
            out[i] = losses[i] * weight[i] if weight[i].value != 0 else lift(0)
    return out, count


def reduce_losses(losses, counts, n, params, mask=None, sample_weight=None):
    losses, counts = select(losses, counts, mask, sample_weight)
    reduction = params["reduction"]
    whole = total(losses.flat)
    if reduction == "none":
        return Reduced(losses, whole)
    denominator = {
        "sum": lambda: mpf(1),
        "batchmean": lambda: mpf(n),
        "mean": lambda: mpmath.fsum(counts.flat),
    }[reduction]()
    if reduction == "mean" and params.get("normalizer") is not None:
        denominator = mpf(params["normalizer"])
    return finish(whole, denominator, params)


def finish(whole, denominator, params):
    if denominator == 0 and whole.value == 0:
        empty = mpf(0) if params.get("on_empty", "nan") == "zero" else NAN
        return Reduced(lift(empty), lift(0), whole, denominator)
    loss = whole / denominator
    return Reduced(loss, loss, whole, denominator)


# ---- Rows: one softmax each -------------------------------------------------

def class_axis_of(shape, params):
    axis = params.get("class_axis")
    if axis is None:
        return 0 if len(shape) == 1 else 1
    return axis % len(shape)


def rows_of(array, axis):
    """The unit shape, and for each unit its row along the class axis."""
    moved = np.moveaxis(array, axis, -1)
    return moved.shape[:-1], moved


class Softmax:
    """log p and 1 - p of one row, without cancellation."""

    def __init__(self, row):
        self.row = row
        self.all_masked = all(x.value == -INF for x in row)
        self.broken = self.all_masked or any(mpmath.isnan(x.value) or x.value == INF for x in row)
        self._lse = None

    def poison(self):
        """NaN, in value and slope towards the whole row."""
        return custom(NAN, *((x, NAN) for x in self.row))

    def others(self, c):
        """sum over j != c of exp(x_j - x_c)"""
        at = self.row[c]
        return total(exp(x - at) for j, x in enumerate(self.row) if j != c)

    def log_p(self, c):
        if self.broken:
            return self.poison()
        if self.row[c].value == -INF:
            finite = total(exp(x) for x in self.row)
            return self.row[c] - log(finite)
        if len(self.row) <= 20:
            return -log1p(self.others(c))
        return self.row[c] - self.lse()

    def log_p_exact(self, c):
        if self.broken or self.row[c].value == -INF:
            return self.log_p(c)
        return -log1p(self.others(c))

    def lse(self):
        if self._lse is None:
            top = max(x.value for x in self.row)
            self._lse = log(total(exp(x - top) for x in self.row)) + top
        return self._lse

    def not_p(self, c):
        """1 - p_c"""
        if self.broken:
            return self.poison()
        if self.row[c].value == -INF:
            return lift(1)
        others = self.others(c)
        return others / (others + 1)


class LogProbs:
    """The same questions, answered by log-probabilities as they are given."""

    broken = all_masked = False

    def __init__(self, row):
        self.row = row

    def log_p(self, c):
        return self.row[c]

    log_p_exact = log_p

    def not_p(self, c):
        return 1 - exp(self.row[c])


class Probs(LogProbs):
    """Probabilities as they are given, normalised or not."""

    def log_p(self, c):
        return log(self.row[c])

    log_p_exact = log_p

    def not_p(self, c):
        return 1 - self.row[c]


def scores_of(logits, probs, log_probs):
    """The prediction in whichever form it is given, and how to look at its rows."""
    given = ((logits, Softmax), (probs, Probs), (log_probs, LogProbs))
    return next((array, view) for array, view in given if array is not None)


def weight_of(weight, c):
    return lift(1) if weight is None else weight[c]


def masked_row(softmax, params, count):
    """The loss and count of a row of -inf alone, or None for an ordinary row."""
    policy = params.get("on_masked_row", "nan")
    if not softmax.all_masked or policy == "nan":
        return None
    return lift(0), 0 if policy == "skip" else count


def hard_row(softmax, y, weight, params, term, weight_sum):
    """(loss, count) of a row whose target is class y."""
    if y == params.get("ignore_index", -100):
        return lift(0), 0
    w = weight_of(weight, y)
    count = w.value if weight_sum else 1
    handled = masked_row(softmax, params, count)
    if handled:
        return handled
    smoothing = params.get("label_smoothing", 0)
    parts = []
    if w.value != 0 and smoothing != 1:
        parts.append((1 - mpf(smoothing)) * (w * term(softmax, y)))
    if smoothing:
        parts += [mpf(smoothing) / len(softmax.row) * (weight_of(weight, c) * -softmax.log_p(c))
                  for c in range(len(softmax.row)) if weight_of(weight, c).value != 0]
    return total(parts), count


def soft_row(softmax, q, weight, params, term):
    """(loss, count) of a row with a target for each class."""
    handled = masked_row(softmax, params, 1)
    if handled:
        return handled
    smoothing, c_all = mpf(params.get("label_smoothing", 0)), len(softmax.row)
    parts = []
    for c in range(c_all):
        target = q[c] * (1 - smoothing) + smoothing / c_all if smoothing else q[c]
        w = weight_of(weight, c)
        if target.value != 0 and w.value != 0:
            parts.append(w * target * term(softmax, c))
    return total(parts), 1


def classify(prediction, targets, weight, params, view, term, weight_sum=True):
    axis = class_axis_of(prediction.shape, params)
    shape, rows = rows_of(prediction, axis)
    hard = targets.dtype != object
    soft = None if hard else rows_of(targets, axis)[1]
    losses, counts = np.empty(shape, dtype=object), np.zeros(shape, dtype=object)
    for i in np.ndindex(shape):
        softmax = view(list(rows[i]))
        if hard:
            losses[i], counts[i] = hard_row(softmax, int(targets[i]), weight, params, term,
                                            weight_sum)
        else:
            losses[i], counts[i] = soft_row(softmax, soft[i], weight, params, term)
    return losses, counts


def negative_log(softmax, c):
    return -softmax.log_p_exact(c)


@formula
def cross_entropy(params, targets, logits=None, probs=None, log_probs=None, weight=None):
    prediction, view = scores_of(logits, probs, log_probs)
    return classify(prediction, targets, weight, params, view, negative_log)


FORMULAS["nll_loss"] = cross_entropy


@formula
def softmax_focal(params, targets, logits=None, probs=None, log_probs=None, weight=None):
    prediction, view = scores_of(logits, probs, log_probs)
    gamma, alpha = params.get("gamma", 2.0), params.get("alpha")

    def term(softmax, c):
        value = -softmax.log_p_exact(c)
        if gamma:
            value = power(softmax.not_p(c), gamma) * value
        if alpha is not None:
            value = value * (1 - mpf(alpha) if c == 0 else mpf(alpha))
        return value

    return classify(prediction, targets, weight, params, view, term, weight_sum=False)


@formula
def poly1_cross_entropy(params, targets, logits=None, probs=None, log_probs=None, weight=None):
    prediction, view = scores_of(logits, probs, log_probs)
    eps = mpf(params.get("eps", 2.0))

    def term(softmax, c):
        return eps * softmax.not_p(c) - softmax.log_p_exact(c)

    return classify(prediction, targets, weight, params, view, term, weight_sum=False)


@formula
def generalized_cross_entropy(params, targets, logits=None, probs=None, log_probs=None,
                              weight=None):
    prediction, view = scores_of(logits, probs, log_probs)
    q = mpf(params.get("q", 0.5))

    def term(softmax, c):
        log_p = softmax.log_p_exact(c)
        if log_p.value == -INF:
            return custom(1 / q, (log_p, mpf(0)))
        return custom(-mpmath.expm1(q * log_p.value) / q, (log_p, -mpmath.exp(q * log_p.value)))

    return classify(prediction, targets, weight, params, view, term, weight_sum=False)


# ---- Elements ---------------------------------------------------------------

def elementwise(function, *arrays):
    """function over the elements; what is no prediction broadcasts to it."""
    shape = arrays[0].shape
    spread = [broadcast(a, shape) for a in arrays]
    losses = np.empty(shape, dtype=object)
    for i in np.ndindex(shape):
        losses[i] = lift(function(*(None if a is None else a[i] for a in spread)))
    return losses, np.ones(shape, dtype=object)


def floored_log(value):
    """max(log value, -100)"""
    return mpf(-100) if value == 0 else max(mpmath.log(value), mpf(-100))


def bce_probs(p, y, positive=1, negative=1):
    """-(positive y log p + negative (1-y) log(1-p)), logs floored at -100.

    The slope is PyTorch's: p(1-p) floored at 1e-12, not the derivative of the
    floored logs.
    """
    if mpmath.isnan(p.value):
        return custom(NAN, (p, NAN))
    log_p, log_q = floored_log(p.value), floored_log(1 - p.value)
    a, b = mpf(positive), mpf(negative)
    value = -(a * y.value * log_p + b * (1 - y.value) * log_q)
    floor = max(p.value * (1 - p.value), mpf("1e-12"))
    up, down = b * (1 - y.value) * p.value / floor, a * y.value * (1 - p.value) / floor
    return custom(value, (p, up - down, up + down),
                  (y, -a * log_p + b * log_q, -a * log_p - b * log_q))


def bce_logits(x, y, positive=1, negative=1):
    """positive y softplus(-x) + negative (1-y) softplus(x)"""
    positive, negative = lift(positive), lift(negative)
    wrong, right = softplus(-x).value, softplus(x).value
    a, b = y.value * positive.value, (1 - y.value) * negative.value
    value = (a * wrong if a else mpf(0)) + (b * right if b else mpf(0))
    up, down = b * sigmoid_value(x.value), a * sigmoid_value(-x.value)
    to_target = (positive.value * wrong if positive.value else mpf(0)) - (
        negative.value * right if negative.value else mpf(0))
    return custom(value, (x, up - down, up + down), (y, to_target, wrong + right),
                  (positive, y.value * wrong if y.value else mpf(0)))


def bce(given):
    return bce_probs if given == "probs" else bce_logits


def prediction_of(probs, logits):
    return ("probs", probs) if probs is not None else ("logits", logits)


def weighted(value, weight):
    if weight is None:
        return value
    return value * weight if weight.value != 0 else lift(0)


@formula
def binary_cross_entropy(params, targets, probs=None, logits=None, weight=None):
    form, prediction = prediction_of(probs, logits)
    return elementwise(lambda p, y, w: weighted(bce(form)(p, y), w), prediction, targets, weight)


@formula
def bce_with_logits(params, targets, logits, weight=None, pos_weight=None):
    return elementwise(
        lambda x, y, w, pw: weighted(bce_logits(x, y, 1 if pw is None else pw), w),
        logits, targets, weight, pos_weight)


@formula
def balanced_bce(params, targets, probs=None, logits=None, mask=None):
    """The mask leaves elements out of the balance, too.  A vector is one sample."""
    form, prediction = prediction_of(probs, logits)
    shape = prediction.shape if prediction.ndim > 1 else (1, *prediction.shape)
    samples, wanted = prediction.reshape(shape), targets.reshape(shape)
    on = np.ones(shape, dtype=object) if mask is None else np.vectorize(
        lambda m: m.value)(by_unit(mask, prediction.shape)).reshape(shape)
    losses = np.empty(shape, dtype=object)
    for n in range(shape[0]):
        counted = [y.value for y, m in zip(wanted[n].flat, on[n].flat) if m != 0]
        beta = params.get("beta")
        if beta is None:
            beta = 1 - mpmath.fsum(counted) / len(counted) if counted else 0
        beta = mpf(beta)
        losses[n] = elementwise(lambda p, y: bce(form)(p, y, beta, 1 - beta), samples[n],
                                wanted[n])[0]
    return losses.reshape(prediction.shape), np.ones(prediction.shape, dtype=object)


@formula
def sigmoid_focal(params, targets, logits):
    gamma, alpha = params.get("gamma", 2.0), params.get("alpha", 0.25)

    def element(x, y):
        value = bce_logits(x, y)
        if value.value == INF:
            # The limit: u^gamma is 1, and what it is multiplied with falls faster.
            side = (1 if alpha is None else mpf(alpha) if y.value else 1 - mpf(alpha))
            return custom(INF, (x, side * (1 - 2 * y.value)))
        if gamma:
            wrong = total(part for part in (
                y * sigmoid(-x) if y.value != 0 else lift(0),
                (1 - y) * sigmoid(x) if y.value != 1 else lift(0)))
            value = power(wrong, gamma) * value if value.value != 0 else lift(0)
        if alpha is not None:
            value = value * (mpf(alpha) * y + (1 - mpf(alpha)) * (1 - y))
        return value

    return elementwise(element, logits, targets)


def difference(function):
    return lambda params, input, targets: elementwise(
        lambda x, y: function(x - y, params), input, targets)


def square(d, _params):
    return d * d


def huber_of(d, params):
    delta = params.get("delta", 1.0)
    size = absolute(d)
    return d * d * 0.5 if size.value <= delta else delta * (size - mpf(delta) / 2)


def smooth_l1_of(d, params):
    beta = params.get("beta", 1.0)
    size = absolute(d)
    return d * d / (2 * mpf(beta)) if size.value < beta else size - mpf(beta) / 2


def log_cosh_of(d, _params):
    if mpmath.isinf(d.value) or mpmath.isnan(d.value):
        return absolute(d)
    return custom(mpmath.log(mpmath.cosh(d.value)), (d, mpmath.tanh(d.value)))


def quantile_of(d, params):
    """Of x - y: what is too low costs tau."""
    tau = mpf(params.get("tau", 0.5))
    return tau * -d if d.value < 0 else (1 - tau) * absolute(d)


def charbonnier_of(d, _params):
    root = mpmath.sqrt(d.value ** 2 + 1)
    slope = mpmath.sign(d.value) if mpmath.isinf(d.value) else d.value / root
    return custom(root - 1, (d, slope))


def cauchy_of(d, _params):
    square = d.value ** 2 / 2
    slope = mpf(0) if mpmath.isinf(square) else d.value / (1 + square)
    return custom(mpmath.log1p(square), (d, slope))


def geman_mcclure_of(d, _params):
    if mpmath.isinf(d.value):
        return custom(mpf(2), (d, mpf(0)))
    below = d.value ** 2 + 4
    return custom(2 * d.value ** 2 / below, (d, 16 * d.value / below ** 2))


def welsch_of(d, _params):
    return minus_expm1(d * d * -0.5)


FORMULAS["l1"] = difference(lambda d, _params: absolute(d))
FORMULAS["mse"] = difference(square)
FORMULAS["huber"] = difference(huber_of)
FORMULAS["smooth_l1"] = difference(smooth_l1_of)
FORMULAS["log_cosh"] = difference(log_cosh_of)
FORMULAS["quantile"] = difference(quantile_of)
FORMULAS["charbonnier"] = difference(charbonnier_of)
FORMULAS["cauchy"] = difference(cauchy_of)
FORMULAS["geman_mcclure"] = difference(geman_mcclure_of)
FORMULAS["welsch"] = difference(welsch_of)


@formula
def msle(params, input, targets):
    eps = mpf(params.get("eps", 1e-7))

    def logarithm(x):
        return log1p(lift(eps)) if x.value < eps else log1p(x)

    def element(x, y):
        d = logarithm(x) - logarithm(y)
        return d * d

    return elementwise(element, input, targets)


@formula
def mape(params, input, targets):
    eps = mpf(params.get("eps", 1e-7))

    def element(x, y):
        size = absolute(y)
        return 100 * absolute(x - y) / (lift(eps) if size.value < eps else size)

    return elementwise(element, input, targets)


@formula
def poisson_nll(params, input, targets):
    def element(x, y):
        log_rate, rate = x, x
        if params.get("log_input", True):
            rate = exp(x)
        else:
            raised = x + mpf(params.get("eps", 1e-8))
            log_rate = log(raised) if raised.value > 0 or y.value != 0 else lift(-INF)
        left_out = y.value == 0 and mpmath.isinf(log_rate.value)
        parts = [rate] if left_out else [rate, -y * log_rate]
        if params.get("full", False) and y.value > 1:
            parts += [y * log(y), -y, 0.5 * (log(y) + mpmath.log(2 * mpmath.pi))]
        return total(parts)

    return elementwise(element, input, targets)


def spread_over_rows(var, shape):
    """A variance for every element, for every row of the last axis, or for all."""
    if var.size == 1 or var.shape == shape:
        return var.reshape(()) if var.size == 1 else var
    return var.reshape(shape[:-1] + (1,))


@formula
def gaussian_nll(params, input, targets, var):
    eps = mpf(params.get("eps", 1e-6))

    def element(x, y, v):
        v = lift(eps) if v.value < eps else v
        d = x - y
        parts = [0.5 * log(v), 0.5 * (d * d / v)]
        if params.get("full", False):
            parts.append(mpmath.log(2 * mpmath.pi) / 2)
        return total(parts)

    return elementwise(element, input, targets, spread_over_rows(var, input.shape))


# ---- Margins ----------------------------------------------------------------

def positive_part(a, slope_at_0=0):
    if mpmath.isnan(a.value):
        return custom(NAN, (a, NAN))
    if a.value > 0:
        return a
    return custom(mpf(0), (a, mpf(slope_at_0))) if a.value == 0 else lift(0)


def of_scores(function):
    return lambda params, input, targets: elementwise(
        lambda x, y: function(x * y), input, targets)


def squared_hinge_of(agreement):
    missing = positive_part(1 - agreement)
    return missing * missing


FORMULAS["soft_margin"] = of_scores(lambda agreement: softplus(-agreement))
FORMULAS["hinge"] = of_scores(lambda agreement: positive_part(1 - agreement))
FORMULAS["squared_hinge"] = of_scores(squared_hinge_of)


@formula
def hinge_embedding(params, input, targets):
    margin = mpf(params.get("margin", 1.0))

    def element(x, y):
        if mpmath.isnan(y.value):
            return custom(NAN, (x, NAN))
        return total(([x] if y.value != -1 else []) +
                     ([positive_part(margin - x, 1)] if y.value != 1 else []))

    return elementwise(element, input, targets)


@formula
def margin_ranking(params, input1, input2, targets):
    margin = mpf(params.get("margin", 0.0))
    return elementwise(lambda a, y, b: positive_part(margin - y * (a - b), 1), input1, targets,
                       input2)


# ---- Rows of the last axis ----------------------------------------------------

def by_row(loss_of, prediction, *others):
    """One loss for each row of the last axis."""
    losses = np.empty(prediction.shape[:-1], dtype=object)
    for i in np.ndindex(losses.shape):
        losses[i] = lift(loss_of(i, list(prediction[i]), *(list(o[i]) for o in others)))
    return losses, np.ones(losses.shape, dtype=object)


def root(x):
    return power(x, mpf(1) / 2)


def cosine(a, b, params):
    least = mpf(float(params.get("eps", 1e-12)))
    square_a, square_b = total(x * x for x in a) + least, total(x * x for x in b) + least
    return total(x * y for x, y in zip(a, b)) / (root(square_a) * root(square_b))


@formula
def cosine_embedding(params, input1, input2, targets):
    margin = mpf(params.get("margin", 0.0))
    y = broadcast(targets, input1.shape[:-1])

    def loss_of(i, a, b):
        if mpmath.isnan(y[i].value):
            return custom(NAN, *((x, NAN) for x in a + b))
        if y[i].value == 1:
            return 1 - cosine(a, b, params)
        return positive_part(cosine(a, b, params) - margin, 1) if y[i].value == -1 else lift(0)

    return by_row(loss_of, input1, input2)


def distance(u, v, params):
    """The p-norm of u - v + eps, without a slope where it is 0."""
    p, eps = mpf(params.get("p", 2.0)), mpf(float(params.get("eps", 1e-6)))
    whole = total(power(absolute(x - y + eps), p) for x, y in zip(u, v))
    return power(whole, 1 / p) if whole.value != 0 else lift(0)


@formula
def triplet_margin(params, anchor, positive, negative):
    margin = mpf(params.get("margin", 1.0))

    def loss_of(i, a, p, n):
        far = distance(a, n, params)
        if params.get("swap", False):
            swapped = distance(p, n, params)
            far = swapped if swapped.value < far.value else far
        return positive_part(distance(a, p, params) - far + margin, 1)

    return by_row(loss_of, anchor, positive, negative)


@formula
def multi_margin(params, targets, input=None, logits=None, weight=None):
    p, margin = int(params.get("p", 1)), mpf(params.get("margin", 1.0))
    prediction = logits if input is None else input

    def loss_of(i, row):
        y = int(targets[i])
        w = weight_of(weight, y)
        if w.value == 0:
            return lift(0)
        missing = [positive_part(x - row[y] + margin) for k, x in enumerate(row) if k != y]
        return w * total(m * m if p == 2 else m for m in missing) / len(row)

    return by_row(loss_of, prediction)


@formula
def multilabel_soft_margin(params, targets, logits=None, input=None, weight=None):
    prediction = logits if input is None else input
    weight = lift_array(np.ones(())) if weight is None else weight

    def loss_of(i, row, wanted, weights):
        return total(w * bce_logits(x, y)
                     for x, y, w in zip(row, wanted, weights) if w.value != 0) / len(row)

    return by_row(loss_of, prediction, targets, broadcast(weight, prediction.shape))


# ---- Boxes --------------------------------------------------------------------

def extreme(a, b, sign):
    """The larger (sign 1) or smaller of two; at a tie the mean of their slopes."""
    if mpmath.isnan(a.value) or mpmath.isnan(b.value):
        return custom(NAN, (a, NAN), (b, NAN))
    if a.value == b.value:
        return custom(a.value, (a, mpf(1) / 2), (b, mpf(1) / 2))
    return a if (a.value > b.value) == (sign > 0) else b


class Boxes:
    """Two boxes x1, y1, x2, y2."""

    def __init__(self, p, t):
        self.p, self.t = p, t
        reach = [extreme(p[k + 2], t[k + 2], -1) - extreme(p[k], t[k], 1) for k in (0, 1)]
        met = all(mpmath.isnan(r.value) or r.value > 0 for r in reach)
        self.common = reach[0] * reach[1] if met else lift(0)
        self.union = total([self.area(p), self.area(t), -self.common])
        self.sides = [extreme(p[k + 2], t[k + 2], 1) - extreme(p[k], t[k], -1) for k in (0, 1)]

    @staticmethod
    def area(box):
        return (box[2] - box[0]) * (box[3] - box[1])

    def overlap(self, eps):
        return self.common / (self.union + eps)

    def distance(self, eps):
        p, t = self.p, self.t
        apart = [total([p[k], p[k + 2], -t[k], -t[k + 2]]) / 2 for k in (0, 1)]
        return total(a * a for a in apart) / (total(s * s for s in self.sides) + eps)


def by_box(loss_of, input, targets, params, eps):
    eps = mpf(float(params.get("eps", eps)))
    return by_row(lambda i, p, t: loss_of(Boxes(p, t), eps), input, targets)


@formula
def iou(params, input, targets):
    def loss_of(boxes, eps):
        overlap, mode = boxes.overlap(eps), params.get("mode", "linear")
        if mode == "log":
            return -log(overlap) if not overlap.value < eps else lift(-mpmath.log(eps))
        return 1 - (overlap * overlap if mode == "square" else overlap)

    return by_box(loss_of, input, targets, params, 1e-6)


@formula
def giou(params, input, targets):
    def loss_of(boxes, eps):
        around = boxes.sides[0] * boxes.sides[1]
        return total([1, -boxes.overlap(eps), (around - boxes.union) / (around + eps)])

    return by_box(loss_of, input, targets, params, 1e-7)


@formula
def diou(params, input, targets):
    def loss_of(boxes, eps):
        return total([1, -boxes.overlap(eps), boxes.distance(eps)])

    return by_box(loss_of, input, targets, params, 1e-7)


# ---- Preferences and policies -------------------------------------------------

def smoothed(h, e, on_1, on_0):
    """on_1 softplus(-h) + on_0 softplus(h), without what has no weight."""
    return total([on_1 * softplus(-h)] + ([on_0 * softplus(h)] if e else []))


def preference(d, params):
    kind, beta = params.get("kind", "sigmoid"), mpf(params.get("beta", 0.1))
    e, h = mpf(params.get("label_smoothing", 0.0)), d * beta - mpf(params.get("margin", 0.0))
    if kind == "sigmoid":
        return smoothed(h, e, 1 - e, e)
    if kind == "robust":
        return smoothed(h, e, (1 - e) / (1 - 2 * e), -e / (1 - 2 * e))
    if kind == "hinge":
        return positive_part(1 - h)
    off = d - 1 / (2 * beta)
    return off * off


@formula
def dpo(params, chosen_logps, rejected_logps, ref_chosen_logps=None, ref_rejected_logps=None):
    def loss_of(chosen, rejected, ref_chosen, ref_rejected):
        d = (chosen - (ref_chosen or 0)) - (rejected - (ref_rejected or 0))
        return preference(d, params)

    return elementwise(loss_of, chosen_logps, rejected_logps, ref_chosen_logps,
                       ref_rejected_logps)


def clipped(ratio, advantage, low, high):
    """-min(r A, clip(r) A); an advantage of 0 costs nothing."""
    if advantage == 0:
        return lift(0) if not mpmath.isnan(ratio.value) else ratio
    bound = 1 + high if advantage > 0 else 1 - low
    beyond = ratio.value > bound if advantage > 0 else ratio.value < bound
    return lift(-bound * advantage) if beyond else ratio * -advantage


def divergence(d):
    """e^d - d - 1"""
    slope = mpmath.expm1(d.value)
    return custom(INF if d.value == INF else slope - d.value, (d, slope))


@formula
def grpo(params, logps, advantages, old_logps, ref_logps=None):
    low, high = mpf(params.get("epsilon_low", 0.2)), mpf(params.get("epsilon_high", 0.2))
    beta = mpf(params.get("beta", 0.04))
    if advantages.ndim == logps.ndim - 1:
        advantages = np.expand_dims(advantages, -1)

    def loss_of(logp, advantage, old, ref):
        ratio = exp(logp - old)
        loss = clipped(ratio, advantage.value, low, high)
        return loss + divergence(ref - logp) * beta if ref is not None and beta else loss

    return elementwise(loss_of, logps, advantages, old_logps, ref_logps)


# ---- Distributions ----------------------------------------------------------

def kl_term(log_q, y, log_target):
    if log_target:
        p = exp(y)
        return p * (y - log_q) if p.value != 0 else lift(0)
    return y * (log(y) - log_q) if y.value != 0 else lift(0)


@formula
def kl_div(params, targets, log_probs=None, logits=None, probs=None):
    log_target = params.get("log_target", False)
    prediction, view = scores_of(logits, probs, log_probs)
    axis = class_axis_of(prediction.shape, params)
    shape, rows = rows_of(prediction, axis)
    wanted = rows_of(targets, axis)[1]
    losses, counts = np.empty(rows.shape, dtype=object), np.ones(rows.shape, dtype=object)
    for i in np.ndindex(shape):
        row = view(list(rows[i]))
        handled = masked_row(row, params, 1)
        for c in range(rows.shape[-1]):
            at = i + (c,)
            if handled:
                losses[at], counts[at] = handled
            elif row.broken:
                losses[at] = row.poison()
            else:
                losses[at] = kl_term(row.log_p(c), wanted[at], log_target)
    return np.moveaxis(losses, -1, axis), np.moveaxis(counts, -1, axis)


# ---- Sequences ----------------------------------------------------------------

def probabilities(frame, is_logits):
    """exp(log_probs), or the softmax of logits, as Numbers."""
    if not is_logits:
        return [exp(x) for x in frame]
    most = max(x.value for x in frame)
    shifted = [exp(x - lift(most)) for x in frame]
    whole = total(shifted)
    return [x / whole for x in shifted]


def ctc_probability(frames, labels, blank):
    """The probability of the labels: all ways through the states, frame by frame."""
    states = [blank]
    for label in labels:
        states += [label, blank]
    ways = [lift(0)] * len(states)
    for t, p in enumerate(frames):
        before, ways = ways, []
        for i, state in enumerate(states):
            into = [before[i]] + ([before[i - 1]] if i else [])
            if i > 1 and state != blank and state != states[i - 2]:
                into.append(before[i - 2])
            if t == 0:
                into = [lift(int(i < 2))]
            ways.append(p[state] * total(into))
    return total(ways[-2:])


def ctc_loss(frames, labels, params, is_logits):
    needed = len(labels) + sum(a == b for a, b in zip(labels, labels[1:]))
    if len(frames) < needed:
        if params.get("zero_infinity", False):
            return lift(0)
        slope = NAN if len(frames) else mpf(0)
        return custom(INF, *[(x, slope) for frame in frames for x in frame])
    if len(frames) == 0:
        return lift(0)
    p = [probabilities(frame, is_logits) for frame in frames]
    return -log(ctc_probability(p, labels, params.get("blank", 0)))


@formula
def ctc(params, targets, logits=None, log_probs=None, input_lengths=None, target_lengths=None):
    x = log_probs if logits is None else logits
    single = x.ndim == 2
    x = x[:, None] if single else x
    t, n = x.shape[:2]
    frames = np.full(n, t) if input_lengths is None else input_lengths.reshape(n)
    counts = np.full(n, targets.shape[-1]) if target_lengths is None else target_lengths.reshape(n)
    losses = np.empty(n, dtype=object)
    begin = 0
    for i in range(n):
        row = targets if targets.ndim == 1 and single else targets[i] if targets.ndim == 2 else (
            targets[begin:])
        begin += counts[i]
        labels = [int(k) for k in row[:counts[i]]]
        every = [list(x[k, i]) for k in range(t)]
        losses[i] = ctc_loss(every[:frames[i]], labels, params, logits is not None)
        if frames[i] < len(labels) and not params.get("zero_infinity", False):
            # What follows the frames that count has no gradient either.
            losses[i] = custom(INF, *[(v, NAN if frames[i] else mpf(0)) for f in every for v in f])
        if params["reduction"] == "mean":
            losses[i] = losses[i] / lift(max(1, len(labels)))
    shape = () if single else (n,)
    return losses.reshape(shape), np.ones(shape, dtype=object)


# ---- Overlap ----------------------------------------------------------------

def overlap(pairs, params):
    """1 - (2 I + nr) / (A + B + dr) over the (p, y) pairs of one region."""
    squared = params.get("squared_pred", True)
    inside = total(p * y for p, y in pairs)
    areas = total((p * p + y * y) if squared else (p + y) for p, y in pairs)
    if params.get("jaccard", False):
        areas = 2 * (areas - inside)
    top = 2 * inside + params.get("smooth_nr", 0.0)
    return 1 - top / (areas + params.get("smooth_dr", 0.002))


def tversky_of(pairs, params):
    """1 - (I + nr) / (I + alpha FP + beta FN + dr) over the (p, y) pairs of one region."""
    alpha, beta = mpf(params.get("alpha", 0.5)), mpf(params.get("beta", 0.5))
    inside = total(p * y for p, y in pairs)
    wrong = total(p for p, _ in pairs) - inside
    missed = total(y for _, y in pairs) - inside
    below = total([inside, alpha * wrong, beta * missed, lift(params.get("smooth_dr", 1e-5))])
    return 1 - (inside + params.get("smooth_nr", 1e-5)) / below


def by_region(of_region, params, targets, probs=None, logits=None):
    """A vector is one sample; a single region has a loss without an axis."""
    form, prediction = prediction_of(probs, logits)
    one = prediction.ndim == 1 or params.get("batch", False)
    if prediction.ndim == 1:
        prediction, targets = prediction[None], targets[None]
    regions = []
    for p, y in zip(prediction, targets):
        if not params.get("include_background", True):
            p, y = p[1:], y[1:]
        activated = list(p.flat) if form == "probs" else [sigmoid(x) for x in p.flat]
        regions.append(list(zip(activated, y.flat)))
    if one:
        regions = [sum(regions, [])]
    losses = np.empty(len(regions), dtype=object)
    for i, pairs in enumerate(regions):
        losses[i] = of_region(pairs, params)
    losses = losses.reshape(()) if one else losses
    return losses, np.ones(losses.shape, dtype=object)


@formula
def dice(params, **inputs):
    return by_region(overlap, params, **inputs)


@formula
def tversky(params, **inputs):
    return by_region(tversky_of, params, **inputs)


# ---- Hard negatives ---------------------------------------------------------

def kept_negatives(losses, negative, positives, params):
    """The indices of the top-k negatives over the whole batch; ties by index."""
    candidates = [i for i in range(len(losses)) if negative[i]]
    wanted = (math.floor(positives * params.get("negative_ratio", 3.0)) if positives
              else params.get("fallback_negatives", 0))
    candidates.sort(key=lambda i: (-losses[i].value, i))
    return candidates[:wanted]


def ohem_balanced_bce(params, targets, probs=None, logits=None, mask=None, sample_weight=None):
    """The whole evaluation: the mean has a denominator of its own."""
    form, prediction = prediction_of(probs, logits)
    shape = prediction.shape
    if mask is not None and mask.ndim < len(shape):
        mask = np.expand_dims(mask, 1)
    counts = [True] * prediction.size if mask is None else [
        m.value != 0 for m in broadcast(mask, shape).flat]
    losses = [lift(bce(form)(p, y)) for p, y in zip(prediction.flat, targets.flat)]
    weights = None if sample_weight is None else list(by_unit(sample_weight, shape).flat)
    if params["reduction"] == "none":
        kept = np.array([weighted(l, weights and weights[i]) if on else lift(0)
                         for i, (l, on) in enumerate(zip(losses, counts))] + [None])[:-1]
        return Reduced(kept.reshape(shape), total(kept))
    positive = [on and y.value == 1 for on, y in zip(counts, targets.flat)]
    negative = [on and y.value == 0 for on, y in zip(counts, targets.flat)]
    hard = kept_negatives(losses, negative, sum(positive), params)
    chosen = [i for i in range(len(losses)) if positive[i]] + hard
    whole = total(weighted(losses[i], weights and weights[i]) for i in chosen)
    if params["reduction"] == "sum":
        return Reduced(whole, whole, whole, mpf(1))
    denominator = mpf(len(chosen)) + mpf(params.get("eps", 1e-6))
    if params.get("normalizer") is not None:
        denominator = mpf(params["normalizer"])
    return finish(whole, denominator, params)


# ---- One evaluation ---------------------------------------------------------

def evaluate(name, params, inputs):
    if name == "ohem_balanced_bce":
        return ohem_balanced_bce(params, **inputs)
    common = {k: inputs[k] for k in ("mask", "sample_weight") if k in inputs}
    own = {k: v for k, v in inputs.items() if k not in common}
    masks = {"mask": common["mask"]} if name == "balanced_bce" and "mask" in common else {}
    losses, counts = FORMULAS[name](params, **own, **masks)
    batch = next(iter(own.values())).shape[:1]
    return reduce_losses(losses, counts, batch[0] if batch else 1, params, **common)
