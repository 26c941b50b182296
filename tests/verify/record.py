#!/usr/bin/env python3
"""What PyTorch computes where somebody has done something else than was asked.

    python3 tests/verify/record.py     (python3-torch) writes cases.json beside it

Each case: a request for POST /v1/verify whose claim is PyTorch's, whether that
agrees, and the name and a word of the explanation that must match.
"""
import json
import pathlib

import torch
import torch.nn.functional as F

torch.manual_seed(11)
CASES = []


def claim(function, *inputs):
    """Loss and gradients of a function of tensors."""
    for one in inputs:
        one.grad = None
        one.requires_grad_()
    loss = function()
    (loss.sum() if loss.dim() else loss).backward()
    return loss.tolist(), [one.grad.clone() for one in inputs]


def case(what, request, loss, gradients=None, name=None, words=""):
    told = {"loss": loss} if loss is not None else {}
    if gradients:
        told["gradients"] = {key: value.tolist() for key, value in gradients.items()}
    CASES.append({"case": what, "request": {**request, "claim": told},
                  "agrees": name is None, "name": name, "words": words})


def classification():
    x, t = torch.randn(6, 4), torch.tensor([0, 3, 1, 2, -100, 1])
    w = torch.tensor([1.0, 2.0, 3.5, 4.0])
    plain = {"loss": "cross_entropy", "logits": x.tolist(), "targets": t.tolist()}

    def add(what, request, function, name=None, words="", change=lambda g: g):
        loss, (g,) = claim(function, x)
        case(what, request, loss, {"logits": change(g)}, name, words)

    def spec(**params):
        return {**plain, "loss": {"name": "cross_entropy", **params}}

    def ours():
        return F.cross_entropy(x, t)

    add("the same", plain, ours)
    add("unreduced", spec(reduction="none"), lambda: F.cross_entropy(x, t, reduction="none"))
    add("weighted", spec(weight=w.tolist()), lambda: F.cross_entropy(x, t, weight=w))
    add("sum", plain, lambda: F.cross_entropy(x, t, reduction="sum"), "reduction", "sum")
    add("mean", spec(reduction="sum"), ours, "reduction", "mean")
    add("ignored rows are counted", plain, lambda: F.cross_entropy(x, t, reduction="sum") / 6,
        "denominator", "all rows")
    add("no smoothing", spec(label_smoothing=0.1), ours, "parameter", "label_smoothing")
    add("no weights", spec(weight=w.tolist()), ours, "without_input", "weight")
    add("rows instead of weights", spec(weight=w.tolist()),
        lambda: F.cross_entropy(x, t, weight=w, reduction="sum") / 5, "denominator", "what counts")
    add("no normalizer", spec(normalizer=12), ours, "parameter", "normalizer")
    add("softmax twice", plain, lambda: F.cross_entropy(torch.softmax(x, 1), t), "activated_twice")
    add("base 2", plain, lambda: ours() / torch.log(torch.tensor(2.0)), "log_base_2")
    add("sign", plain, ours, "sign", change=lambda g: -g)
    add("gradient of the sum", plain, ours, "not_divided", "factor 5", change=lambda g: 5 * g)
    add("divided twice", plain, ours, "divided_twice", change=lambda g: g / 5)
    add("transposed", plain, ours, "axes", change=lambda g: g.T)
    add("constant factor", plain, ours, "factor", "0.37", change=lambda g: 0.37 * g)
    square, u = torch.randn(4, 4), torch.tensor([0, 1, 2, 3])
    loss, (g,) = claim(lambda: F.cross_entropy(square.T, u), square)
    case("other axis", {**plain, "logits": square.tolist(), "targets": u.tolist()}, loss,
         {"logits": g}, "class_axis", "axis 0")
    loss, (g,) = claim(lambda: F.cross_entropy(square, u), square)
    case("square and transposed", {**plain, "logits": square.tolist(), "targets": u.tolist()}, loss,
         {"logits": g.T}, "axes")
    p = torch.softmax(x, 1).detach()
    loss, (g,) = claim(lambda: F.cross_entropy(p, t), p)
    case("probabilities taken as logits",
         {"loss": "cross_entropy", "probs": p.tolist(), "targets": t.tolist()}, loss, {"probs": g},
         "other_role", "logits")
    big = torch.randn(8, 3, 5, 5)
    v = torch.randint(0, 3, (8, 5, 5))
    loss, (g,) = claim(lambda: F.cross_entropy(big, v, reduction="sum") / 8, big)
    case("size of the batch", {"loss": "cross_entropy", "logits": big.tolist(),
                               "targets": v.tolist()}, loss, None, "denominator", "batch")


def binary():
    x = torch.tensor([[30.0, -2.0, 5.0], [-40.0, 1.0, 20.0]])
    t = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    plain = {"loss": "bce_with_logits", "logits": x.tolist(), "targets": t.tolist()}
    loss, (g,) = claim(lambda: F.binary_cross_entropy_with_logits(x, t), x)
    case("binary", plain, loss, {"logits": g})
    case("no pos_weight", {**plain, "loss": {"name": "bce_with_logits", "pos_weight": [3, 3, 3]}},
         loss, {"logits": g}, "without_input", "pos_weight")
    loss, (g,) = claim(lambda: F.binary_cross_entropy(torch.sigmoid(x), t), x)
    case("clamped", plain, loss, {"logits": g}, "other_loss", "binary_cross_entropy")
    case("clamped, from bce", {**plain, "loss": "binary_cross_entropy"}, loss, {"logits": g},
         "activated_first")


def regression():
    x, t = torch.randn(4, 5), torch.randn(4, 5)
    plain = {"input": x.tolist(), "targets": t.tolist()}
    loss, (g,) = claim(lambda: F.mse_loss(x, t), x)
    case("another loss", {**plain, "loss": "l1"}, loss, {"input": g}, "other_loss", "mse")
    loss, (g,) = claim(lambda: F.huber_loss(x, t), x)
    case("the default of delta", {**plain, "loss": {"name": "huber", "delta": 0.5}}, loss,
         {"input": g}, "parameter", "delta")
    p, q = torch.softmax(torch.randn(4, 5), 1), torch.softmax(torch.randn(4, 5), 1)
    loss = F.kl_div(p.log(), q, reduction="batchmean").item()
    case("batchmean", {"loss": "kl_div", "log_probs": p.log().tolist(), "targets": q.tolist()}, loss,
         None, "reduction", "batchmean")
    loss = F.kl_div(q.log(), p.log(), reduction="sum", log_target=True).item()
    case("change places", {"loss": {"name": "kl_div", "reduction": "sum", "log_target": True},
                           "log_probs": p.log().tolist(), "targets": q.log().tolist()}, loss,
         None, "swapped")


def main():
    classification()
    binary()
    regression()
    path = pathlib.Path(__file__).parent / "cases.json"
    path.write_text("[\n" + ",\n".join(json.dumps(one) for one in CASES) + "\n]\n")
    print(f"{len(CASES)} cases, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
