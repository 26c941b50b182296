"""Cases of the losses of sequences: (frames, sequences, classes)."""
import numpy as np

from case import Case, narrow


def ctc():
    rng = np.random.default_rng(31)
    cases = []

    def add(name, params=None, **more):
        cases.append(Case(name, "ctc", params, **more))

    def scores(*shape):
        return narrow(rng.normal(0, 2, shape))

    def labels(*shape, c=5):
        return rng.integers(1, c, shape)

    for reduction in ("none", "mean", "sum"):
        add(f"reduction {reduction}", {"reduction": reduction}, logits=scores(8, 3, 5),
            targets=labels(3, 3), input_lengths=np.array([8, 7, 5]),
            target_lengths=np.array([3, 1, 2]))
    add("without lengths", logits=scores(6, 2, 4), targets=labels(2, 2, c=4))
    add("one sequence", logits=scores(7, 4), targets=labels(3, c=4))
    add("one sequence, not reduced", {"reduction": "none"}, logits=scores(5, 3),
        targets=np.array([1, 2]), input_lengths=np.int64(4), target_lengths=np.int64(1))
    add("targets in a row", {"reduction": "sum"}, logits=scores(9, 3, 4),
        targets=np.array([1, 3, 3, 2, 1, 2]), target_lengths=np.array([2, 3, 1]))
    add("another blank", {"blank": 3, "reduction": "none"}, logits=scores(6, 2, 4),
        targets=np.array([[0, 0, 1], [2, 1, 2]]))
    add("repeated labels, just as many frames as they need", {"reduction": "none"},
        logits=scores(5, 2, 3), targets=np.array([[1, 1, 1], [2, 2, 1]]))
    add("no labels", {"reduction": "mean"}, logits=scores(4, 2, 3),
        targets=np.array([[1, 2], [1, 2]]), target_lengths=np.array([0, 2]))
    add("no labels and no frames", {"reduction": "none"}, logits=scores(4, 3, 3), check=False,
        targets=np.array([[1, 2], [1, 2], [2, 1]]), input_lengths=np.array([0, 4, 0]),
        target_lengths=np.array([0, 2, 1]))
    add("too few frames", {"reduction": "none"}, logits=scores(3, 3, 4), check=False,
        targets=np.array([[1, 2, 3], [1, 1, 2], [3, 2, 1]]))
    add("too few frames, zero_infinity", {"zero_infinity": True, "reduction": "mean"},
        logits=scores(3, 3, 4), targets=np.array([[1, 2, 3], [1, 1, 2], [3, 2, 1]]))
    add("a masked class that no label wants", {"reduction": "none"},
        logits=np.array([[[1.0, 2, -np.inf, 0.5]], [[0, 1, -np.inf, 1]], [[2, 0, -np.inf, 1]]]),
        targets=np.array([[1, 3]]), check=False)
    log_p = scores(6, 2, 4)
    log_p = narrow(log_p - np.log(np.exp(log_p).sum(-1, keepdims=True)))
    add("log_probs", {"reduction": "sum"}, log_probs=log_p, targets=labels(2, 2, c=4), check=False,
        note="the gradient is that of log_probs; PyTorch gives that of logits")
    add("mask and sample_weight", {"reduction": "mean"}, logits=scores(5, 3, 4),
        targets=labels(3, 2, c=4), mask=np.array([1.0, 0, 1]),
        sample_weight=np.array([2.0, 1, 0.5]), check=False)
    add("normalizer", {"normalizer": 64, "reduction": "mean"}, logits=scores(5, 2, 4),
        targets=labels(2, 2, c=4), check=False)
    add("everything masked, on_empty", {"on_empty": "zero", "reduction": "mean"},
        logits=scores(4, 2, 3), targets=labels(2, 1, c=3), mask=np.zeros(2), check=False)
    add("scores far apart", {"reduction": "none"}, logits=narrow(400 * rng.normal(size=(7, 2, 4))),
        targets=labels(2, 3, c=4))
    far = narrow(np.where(rng.integers(0, 3, (7, 3, 4)) == 0, 1000, 1) * rng.normal(size=(7, 3, 4)))
    add("repeated labels, scores very far apart", {"reduction": "none"}, logits=far,
        targets=np.array([[1, 1, 1], [2, 2, 1], [3, 3, 3]]))
    add("40 frames, 12 labels", {"reduction": "sum"}, logits=scores(40, 2, 17),
        targets=labels(2, 12, c=17))
    return cases


FILES = {"ctc": ctc}
