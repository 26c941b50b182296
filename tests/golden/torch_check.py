"""The same losses by PyTorch in float64, with autograd: a second opinion.

torch.nn.functional where it has the loss; otherwise the formula as one would
naively type it in torch.  None of this is shared with formulas.py.
"""
import math

import torch
import torch.nn.functional as F


def reduction_of(params):
    """PyTorch's own reduction, or none where masks and the like come after it."""
    return params["reduction"]


def to_axis_1(x, params):
    axis = params.get("class_axis")
    return x if axis is None or x.dim() == 1 else torch.movedim(x, axis, 1).contiguous()



def soft_nll(params, log_p, targets, weight):
    axis = 0 if log_p.dim() == 1 else 1
    smoothing, c = params.get("label_smoothing", 0.0), log_p.shape[axis]
    q = targets * (1 - smoothing) + smoothing / c
    if weight is not None:
        q = q * weight.view([c if i == axis else 1 for i in range(q.dim())])
    return reduce_(-(q * log_p).sum(axis), params)


def cross_entropy(params, targets, logits=None, probs=None, log_probs=None, weight=None):
    if logits is None:
        log_p = to_axis_1(log_probs if probs is None else probs.log(), params)
        if targets.is_floating_point():
            return soft_nll(params, log_p, to_axis_1(targets, params), weight)
        return F.nll_loss(log_p, targets, weight=weight, reduction=params["reduction"],
                          ignore_index=params.get("ignore_index", -100))
    targets = to_axis_1(targets, params) if targets.is_floating_point() else targets
    ignore = {"ignore_index": params["ignore_index"]} if "ignore_index" in params else {}
    return F.cross_entropy(to_axis_1(logits, params), targets, weight=weight,
                           label_smoothing=params.get("label_smoothing", 0.0),
                           reduction=reduction_of(params), **ignore)


nll_loss = cross_entropy


def one_hot(targets, c):
    return torch.movedim(F.one_hot(targets, c), -1, 1 if targets.dim() else 0)


def softmax_focal(params, targets, logits=None, probs=None, log_probs=None, weight=None):
    given = to_axis_1(next(x for x in (logits, probs, log_probs) if x is not None), params)
    axis = 0 if given.dim() == 1 else 1
    c = given.shape[axis]
    log_p = (F.log_softmax(given, axis) if logits is not None
             else given.log() if probs is not None else given)
    keep = torch.ones(())
    if targets.is_floating_point():
        q = to_axis_1(targets, params)
    else:
        keep = (targets != params.get("ignore_index", -100)).double()
        q = one_hot(targets * keep.long(), c).double() * keep.unsqueeze(axis)
    shape = [1] * given.dim()
    shape[axis] = c
    factor = torch.ones(c, dtype=torch.float64) if weight is None else weight
    if params.get("alpha") is not None:
        factor = factor * torch.tensor([1 - params["alpha"]] + [params["alpha"]] * (c - 1))
    gamma = params.get("gamma", 2.0)
    rows = (-factor.view(shape) * q * (1 - log_p.exp()) ** gamma * log_p).sum(axis)
    if params["reduction"] == "mean":
        return rows.sum() / (keep.sum() if keep.dim() else rows.numel())
    return reduce_(rows, params)


def reduce_(losses, params):
    return {"none": lambda: losses, "mean": losses.mean, "sum": losses.sum}[params["reduction"]]()


def spread(weight, like):
    return None if weight is None else weight.expand_as(like)


def of_rows(function, params, targets, logits=None, probs=None, log_probs=None, weight=None):
    """The mean over rows of what `function` makes of log p, summed over the targets."""
    given = to_axis_1(next(x for x in (logits, probs, log_probs) if x is not None), params)
    axis = 0 if given.dim() == 1 else 1
    c = given.shape[axis]
    log_p = (F.log_softmax(given, axis) if logits is not None
             else given.log() if probs is not None else given)
    if targets.is_floating_point():
        keep, q = torch.ones(()), to_axis_1(targets, params)
    else:
        keep = (targets != params.get("ignore_index", -100)).double()
        q = one_hot(targets * keep.long(), c).double() * keep.unsqueeze(axis)
    factor = torch.ones(c, dtype=torch.float64) if weight is None else weight
    shape = [c if i == axis else 1 for i in range(given.dim())]
    rows = (factor.view(shape) * q * function(log_p)).sum(axis)
    if params["reduction"] == "mean":
        return rows.sum() / params.get("normalizer", keep.sum() if keep.dim() else rows.numel())
    return reduce_(rows, params)


def poly1_cross_entropy(params, targets, **inputs):
    eps = params.get("eps", 2.0)
    return of_rows(lambda log_p: eps * (1 - log_p.exp()) - log_p, params, targets, **inputs)


def generalized_cross_entropy(params, targets, **inputs):
    q = params.get("q", 0.5)
    return of_rows(lambda log_p: (1 - log_p.exp() ** q) / q, params, targets, **inputs)


def binary_cross_entropy(params, targets, probs=None, logits=None, weight=None):
    if probs is None:
        return F.binary_cross_entropy_with_logits(logits, targets, spread(weight, logits),
                                                  reduction=reduction_of(params))
    return F.binary_cross_entropy(probs, targets, spread(weight, probs),
                                  reduction=reduction_of(params))


def bce_with_logits(params, targets, logits, weight=None, pos_weight=None):
    return F.binary_cross_entropy_with_logits(logits, targets, spread(weight, logits),
                                              pos_weight=pos_weight,
                                              reduction=reduction_of(params))


def balanced_bce(params, targets, probs=None, logits=None):
    p = torch.sigmoid(logits) if probs is None else probs
    axes = tuple(range(min(1, p.dim() - 1), p.dim()))
    beta = params.get("beta")
    if beta is None:
        beta = 1 - targets.detach().mean(axes, keepdim=True)
    positive, negative = -beta * targets * p.log(), -(1 - beta) * (1 - targets) * (1 - p).log()
    return reduce_(positive + negative, params)


def ohem_balanced_bce(params, targets, probs=None, logits=None, mask=None):
    p = torch.sigmoid(logits) if probs is None else probs
    losses = F.binary_cross_entropy(p, targets, reduction="none")
    mask = torch.ones(()) if mask is None else mask if mask.dim() == p.dim() else mask.unsqueeze(1)
    mask = mask.expand_as(p)
    if params["reduction"] == "none":
        return losses * mask
    positive, negative = targets * mask, (1 - targets) * mask
    count = int(positive.sum())
    k = min(int(negative.sum()), math.floor(count * params.get("negative_ratio", 3.0))
            if count else params.get("fallback_negatives", 0))
    whole = (losses * positive).sum() + torch.topk((losses * negative).view(-1), k)[0].sum()
    return whole if params["reduction"] == "sum" else whole / (count + k + params.get("eps", 1e-6))


def sigmoid_focal(params, targets, logits):
    p = torch.sigmoid(logits)
    p_t = p * targets + (1 - p) * (1 - targets)
    losses = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    losses = (1 - p_t) ** params.get("gamma", 2.0) * losses
    alpha = params.get("alpha", 0.25)
    if alpha is not None:
        losses = losses * (alpha * targets + (1 - alpha) * (1 - targets))
    return reduce_(losses, params)


def dice(params, targets, probs=None, logits=None):
    p = torch.sigmoid(logits) if probs is None else probs
    if not params.get("include_background", True):
        p, targets = p[:, 1:], targets[:, 1:]
    one = params.get("batch", False) or p.dim() == 1
    shape = (1 if one else p.shape[0], -1)
    p, y = p.reshape(shape), targets.reshape(shape)
    inside = (p * y).sum(1)
    power = 2 if params.get("squared_pred", True) else 1
    areas = (p ** power).sum(1) + (y ** power).sum(1)
    if params.get("jaccard", False):
        areas = 2 * (areas - inside)
    losses = 1 - (2 * inside + params.get("smooth_nr", 0.0)) / (
        areas + params.get("smooth_dr", 0.002))
    return reduce_(losses[0] if one else losses, params)


def tversky(params, targets, probs=None, logits=None):
    p = torch.sigmoid(logits) if probs is None else probs
    if not params.get("include_background", True):
        p, targets = p[:, 1:], targets[:, 1:]
    one = params.get("batch", False) or p.dim() == 1
    shape = (1 if one else p.shape[0], -1)
    p, y = p.reshape(shape), targets.reshape(shape)
    hits, wrong, missed = (p * y).sum(1), (p * (1 - y)).sum(1), ((1 - p) * y).sum(1)
    losses = 1 - (hits + params.get("smooth_nr", 1e-5)) / (
        hits + params.get("alpha", 0.5) * wrong + params.get("beta", 0.5) * missed +
        params.get("smooth_dr", 1e-5))
    return reduce_(losses[0] if one else losses, params)


def log_cosh(params, input, targets):
    d = input - targets
    return reduce_(d + F.softplus(-2 * d) - math.log(2), params)


def quantile(params, input, targets):
    tau, d = params.get("tau", 0.5), targets - input
    return reduce_(tau * F.relu(d) + (1 - tau) * F.relu(-d), params)


def msle(params, input, targets):
    eps = params.get("eps", 1e-7)
    d = torch.log(input.clamp(min=eps) + 1) - torch.log(targets.clamp(min=eps) + 1)
    return reduce_(d ** 2, params)


def mape(params, input, targets):
    base = targets.abs().clamp(min=params.get("eps", 1e-7))
    return reduce_(100 * ((targets - input) / base).abs(), params)


def poisson_nll(params, input, targets):
    return F.poisson_nll_loss(input, targets, log_input=params.get("log_input", True),
                              full=params.get("full", False), eps=params.get("eps", 1e-8),
                              reduction=params["reduction"])


def gaussian_nll(params, input, targets, var):
    if var.numel() == 1:
        var = var.reshape(()).expand_as(input)
    return F.gaussian_nll_loss(input, targets, var, full=params.get("full", False),
                               eps=params.get("eps", 1e-6), reduction=params["reduction"])


def charbonnier(params, input, targets):
    return reduce_(((input - targets) ** 2 + 1).sqrt() - 1, params)


def cauchy(params, input, targets):
    return reduce_(torch.log1p((input - targets) ** 2 / 2), params)


def geman_mcclure(params, input, targets):
    squares = (input - targets) ** 2
    return reduce_(2 * squares / (squares + 4), params)


def welsch(params, input, targets):
    return reduce_(1 - torch.exp(-(input - targets) ** 2 / 2), params)


def soft_margin(params, input, targets):
    if targets.requires_grad:  # which PyTorch's own has no derivative for
        return reduce_(torch.log1p(torch.exp(-input * targets)), params)
    return F.soft_margin_loss(input, targets, reduction=params["reduction"])


def hinge(params, input, targets):
    return reduce_(F.relu(1 - input * targets), params)


def squared_hinge(params, input, targets):
    return reduce_(F.relu(1 - input * targets) ** 2, params)


def hinge_embedding(params, input, targets):
    return F.hinge_embedding_loss(input, targets, margin=params.get("margin", 1.0),
                                  reduction=params["reduction"])


def margin_ranking(params, input1, input2, targets):
    return F.margin_ranking_loss(input1, input2, targets.expand_as(input1),
                                 margin=params.get("margin", 0.0), reduction=params["reduction"])


def cosine_embedding(params, input1, input2, targets):
    return F.cosine_embedding_loss(input1, input2, targets.expand(input1.shape[:-1]),
                                   margin=params.get("margin", 0.0),
                                   reduction=params["reduction"])


def triplet_margin(params, anchor, positive, negative):
    return F.triplet_margin_loss(anchor, positive, negative, margin=params.get("margin", 1.0),
                                 p=params.get("p", 2.0), eps=params.get("eps", 1e-6),
                                 swap=params.get("swap", False), reduction=params["reduction"])


def multi_margin(params, targets, input, weight=None):
    return F.multi_margin_loss(input, targets, p=params.get("p", 1), weight=weight,
                               margin=params.get("margin", 1.0), reduction=params["reduction"])


def multilabel_soft_margin(params, targets, logits, weight=None):
    return F.multilabel_soft_margin_loss(logits, targets, weight=weight,
                                         reduction=params["reduction"])


def dpo(params, chosen_logps, rejected_logps, ref_chosen_logps=0, ref_rejected_logps=0):
    d = (chosen_logps - rejected_logps) - (ref_chosen_logps - ref_rejected_logps)
    kind, beta, e = params.get("kind", "sigmoid"), params.get("beta", 0.1), params.get(
        "label_smoothing", 0.0)
    h = beta * d - params.get("margin", 0.0)
    if kind == "sigmoid":
        return reduce_(-F.logsigmoid(h) * (1 - e) - F.logsigmoid(-h) * e, params)
    if kind == "robust":
        return reduce_((-F.logsigmoid(h) * (1 - e) + F.logsigmoid(-h) * e) / (1 - 2 * e), params)
    return reduce_(torch.relu(1 - h) if kind == "hinge" else (d - 1 / (2 * beta)) ** 2, params)


def grpo(params, logps, advantages, old_logps, ref_logps=None):
    if advantages.dim() == logps.dim() - 1:
        advantages = advantages.unsqueeze(-1)
    ratio = torch.exp(logps - old_logps)
    within = torch.clamp(ratio, 1 - params.get("epsilon_low", 0.2),
                         1 + params.get("epsilon_high", 0.2))
    loss = -torch.min(ratio * advantages, within * advantages)
    if ref_logps is not None:
        d = ref_logps - logps
        loss = loss + params.get("beta", 0.04) * (torch.exp(d) - d - 1)
    return reduce_(loss, params)


def box_parts(input, targets, eps):
    """The overlap, the union and the sides of the smallest box around both."""
    inner = (torch.min(input[..., 2:], targets[..., 2:])
             - torch.max(input[..., :2], targets[..., :2]))
    common = torch.where((inner > 0).all(-1), inner.prod(-1), torch.zeros(()).to(inner))
    union = sum((box[..., 2:] - box[..., :2]).prod(-1) for box in (input, targets)) - common
    outer = (torch.max(input[..., 2:], targets[..., 2:])
             - torch.min(input[..., :2], targets[..., :2]))
    return common / (union + eps), union, outer


def iou(params, input, targets):
    eps = params.get("eps", 1e-6)
    overlap = box_parts(input, targets, eps)[0]
    mode = params.get("mode", "linear")
    if mode == "log":
        return reduce_(-overlap.clamp(min=eps).log(), params)
    return reduce_(1 - overlap ** (2 if mode == "square" else 1), params)


def giou(params, input, targets):
    eps = params.get("eps", 1e-7)
    overlap, union, outer = box_parts(input, targets, eps)
    around = outer.prod(-1)
    return reduce_(1 - overlap + (around - union) / (around + eps), params)


def diou(params, input, targets):
    eps = params.get("eps", 1e-7)
    overlap, _, outer = box_parts(input, targets, eps)
    apart = (input[..., 2:] + input[..., :2] - targets[..., 2:] - targets[..., :2]) / 2
    return reduce_(1 - overlap + (apart ** 2).sum(-1) / ((outer ** 2).sum(-1) + eps), params)


def l1(params, input, targets):
    return F.l1_loss(input, targets, reduction=reduction_of(params))


def mse(params, input, targets):
    return F.mse_loss(input, targets, reduction=reduction_of(params))


def smooth_l1(params, input, targets):
    return F.smooth_l1_loss(input, targets, beta=params.get("beta", 1.0),
                            reduction=reduction_of(params))


def huber(params, input, targets):
    return F.huber_loss(input, targets, delta=params.get("delta", 1.0),
                        reduction=reduction_of(params))


def kl_div(params, targets, log_probs=None, logits=None, probs=None):
    if logits is not None:
        axis = params.get("class_axis", 0 if logits.dim() == 1 else 1)
        log_probs = F.log_softmax(logits, axis)
    elif probs is not None:
        log_probs = probs.log()
    return F.kl_div(log_probs, targets, log_target=params.get("log_target", False),
                    reduction=reduction_of(params))


def by_sample(array, losses):
    return array.reshape(array.shape + (1,) * (losses.dim() - array.dim())).expand_as(losses)


def masked(function, params, inputs, mask, sample_weight):
    """Masks and weights around the unreduced losses, as anyone would do it."""
    losses = function({**params, "reduction": "none"}, **inputs)
    keep = torch.ones_like(losses) if mask is None else by_sample(mask, losses)
    losses = losses * keep * (1 if sample_weight is None else by_sample(sample_weight, losses))
    if params["reduction"] == "none":
        return losses
    if params["reduction"] == "sum":
        return losses.sum()
    return losses.sum() / params.get("normalizer", keep.sum())


def ctc(params, targets, logits=None, log_probs=None, input_lengths=None, target_lengths=None):
    """PyTorch's gradient of log_probs is that of the logits behind them: only
    logits are compared."""
    x = torch.log_softmax(logits, -1) if log_probs is None else log_probs
    x, many = (x.unsqueeze(1), False) if x.dim() == 2 else (x, True)
    t, n = x.shape[:2]
    frames = torch.full((n,), t) if input_lengths is None else input_lengths.reshape(n)
    if target_lengths is None:
        target_lengths = torch.full((n,), targets.shape[-1])
    if not many:
        targets = targets.unsqueeze(0)
    loss = F.ctc_loss(x, targets, frames, target_lengths.reshape(n), blank=params.get("blank", 0),
                      reduction=params["reduction"],
                      zero_infinity=params.get("zero_infinity", False))
    return loss if many or params["reduction"] != "none" else loss.squeeze(0)


def evaluate(name, params, arrays, wanted):
    """The loss (an array for none) and the gradients asked for."""
    inputs = {k: torch.from_numpy(v.copy()) for k, v in arrays.items()}
    for role in wanted:
        inputs[role].requires_grad_(True)
    function = globals()[name]
    mask, weight = (None if name == "ohem_balanced_bce" else inputs.pop("mask", None),
                    inputs.pop("sample_weight", None))
    leaves = [inputs[role] for role in wanted]
    if mask is not None or weight is not None or "normalizer" in params:
        loss = masked(function, params, inputs, mask, weight)
    else:
        loss = function(params, **inputs)
    gradients = torch.autograd.grad(loss.sum(), leaves, allow_unused=True)
    return loss.detach().numpy(), {
        role: (torch.zeros_like(leaf) if g is None else g).numpy()
        for role, leaf, g in zip(wanted, leaves, gradients)}
