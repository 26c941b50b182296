"""Losses and their gradients, beside PyTorch and the speed of memory."""
import math
import os
import subprocess
import time
import warnings

import numpy
import torch
import torch.nn.functional as F

from report import Table, Target

THREADS = 2
ROUNDS = 5


def softmax_focal(x, y):
    logp = F.log_softmax(x, 1).gather(1, y[:, None])[:, 0]
    return (-((1 - logp.exp()) ** 2) * logp).mean()


def sigmoid_focal(x, y):
    """As torchvision has it, with the mean."""
    p = torch.sigmoid(x)
    bce = F.binary_cross_entropy_with_logits(x, y, reduction="none")
    p_t = p * y + (1 - p) * (1 - y)
    alpha_t = 0.25 * y + 0.75 * (1 - y)
    return (alpha_t * bce * (1 - p_t) ** 2).mean()


def dice(x, y):
    p = torch.sigmoid(x)
    return (1 - 2 * (p * y).sum(1) / ((p * p).sum(1) + (y * y).sum(1) + 0.002)).mean()


def log_cosh(x, y):
    d = x - y
    return (d + F.softplus(-2 * d) - math.log(2)).mean()


PEERS = {
    "cross_entropy": F.cross_entropy,
    "nll_loss": F.nll_loss,
    "softmax_focal": softmax_focal,
    "binary_cross_entropy": F.binary_cross_entropy,
    "bce_with_logits": F.binary_cross_entropy_with_logits,
    "sigmoid_focal": sigmoid_focal,
    "dice": dice,
    "l1": F.l1_loss,
    "mse": F.mse_loss,
    "smooth_l1": F.smooth_l1_loss,
    "huber": F.huber_loss,
    "log_cosh": log_cosh,
    "poisson_nll": F.poisson_nll_loss,
    "kl_div": F.kl_div,
}

# (against PyTorch, of load-add-store), with gradient.
TARGETS = {
    ("cross_entropy", "4096x1000"): (6, 0.9),
    ("cross_entropy", "512x32000"): (12, 0.9),
    ("cross_entropy", "65536x100"): (6, 0.7),
    ("cross_entropy", "409600x10"): (8, 0.5),
    ("cross_entropy", "8x21x65536"): (6, 0.6),
    ("bce_with_logits", "4096x1024"): (8, 0.8),
    ("sigmoid_focal", "4096x1024"): (20, 0.8),
    ("dice", "16x262144"): (6, 0.8),
    ("l1", "4096x1024"): (4, 0.8),
    ("huber", "4096x1024"): (4, 0.8),
    ("kl_div", "4096x1024"): (6, 0.8),
}
# Of the target with gradient, without it.
FORWARD = 0.6


def load(scratch, name, dtype):
    return numpy.fromfile(os.path.join(scratch, name), dtype)


def check(row, loss, gradient, expected):
    ours = float(row["result"])
    assert abs(ours - loss) <= 1e-5 * abs(loss), f"{row}: PyTorch has {loss}"
    error, largest = numpy.abs(gradient - expected).max(), numpy.abs(expected).max()
    assert error <= 1e-5 * largest, f"{row}: the gradient is off by {error} of {largest}"


def peer_seconds(row, scratch):
    """The least seconds of PyTorch for the value, and for value and gradient."""
    peer = PEERS[row["loss"]]
    shape = [int(size) for size in row["shape"].split("x")]
    x = torch.from_numpy(load(scratch, "x", "float32").reshape(shape))
    if os.path.getsize(os.path.join(scratch, "targets")) == 4 * x.numel():
        y = torch.from_numpy(load(scratch, "targets", "float32").reshape(shape))
    else:
        y = torch.from_numpy(load(scratch, "targets", "int64").reshape(shape[:1] + shape[2:]))
    # Checked against float64: PyTorch's float32 sum of 10^7 terms is off by 10^-4.
    wide = x.double().requires_grad_()
    loss = peer(wide, y.double() if y.is_floating_point() else y)
    loss.backward()
    check(row, loss.item(), load(scratch, "gradient", "float32"), wide.grad.numpy().ravel())
    leaf = x.clone().requires_grad_()

    value = gradient = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        with torch.no_grad():
            peer(x, y)
        value = min(value, time.perf_counter() - start)
        leaf.grad = None
        start = time.perf_counter()
        peer(leaf, y).backward()
        gradient = min(gradient, time.perf_counter() - start)
    return value, gradient


def goal(value, target):
    return Target(value, target) if target else value


def add(table, row, scratch):
    elements = 1
    for size in row["shape"].split("x"):
        elements *= int(size)
    value, gradient, limit = (float(row[name]) for name in ("value_s", "gradient_s", "limit_s"))
    peer = peer_seconds(row, scratch) if row["loss"] in PEERS else (None, None)
    against, of_limit = TARGETS.get((row["loss"], row["shape"]), (None, None))
    table.add(f"`{row['loss']}`", row["shape"], elements / gradient * 1e-9,
              peer[1] and goal(peer[1] / gradient, against), goal(limit / gradient, of_limit),
              elements / value * 1e-9,
              peer[0] and goal(peer[0] / value, against and against * FORWARD))


def run(folder, scratch):
    torch.set_num_threads(THREADS)
    warnings.simplefilter("ignore")  # kl_div would rather be asked for batchmean
    table = Table("Losses", "loss", "shape", "10⁹ elements/s", "against PyTorch",
                  "of load-add-store", "value alone", "value against PyTorch",
                  note=f"Value and gradient, float32, {THREADS} threads, PyTorch "
                       f"{torch.__version__} with as many; the limit is a plain loop that "
                       "loads, adds and stores as many numbers.")
    bench = subprocess.Popen([os.path.join(folder, "tests/bench/losses"), str(THREADS), "",
                              scratch], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    names = bench.stdout.readline().split()
    for line in bench.stdout:
        add(table, dict(zip(names, line.split())), scratch)
        bench.stdin.write("\n")
        bench.stdin.flush()
    assert bench.wait() == 0
    return [table]
