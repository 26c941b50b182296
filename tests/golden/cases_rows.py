"""Cases of the losses with one softmax (or one list of log-probabilities) a row."""
import numpy as np

from case import Case, narrow

INF = float("inf")


def scores(rng, shape, scale=2.0):
    return narrow(rng.normal(0, scale, shape))


def labels(rng, shape, c):
    return rng.integers(0, c, shape)


def log_softmax(x, axis=1):
    shifted = x - x.max(axis, keepdims=True)
    return narrow(shifted - np.log(np.exp(shifted).sum(axis, keepdims=True)))


def distribution(rng, shape, axis=1):
    """Rows that sum to about 1, short in binary."""
    raw = rng.integers(0, 9, shape).astype(float)
    raw = raw + (raw.sum(axis, keepdims=True) == 0)
    return narrow(raw / raw.sum(axis, keepdims=True))


def weights(rng, c):
    return narrow(rng.uniform(0.25, 3, c))


class Rows:
    """What cross_entropy, nll_loss and softmax_focal have in common."""

    def __init__(self, loss, role, prepare, seed):
        self.loss, self.role, self.prepare = loss, role, prepare
        self.rng = np.random.default_rng(seed)
        self.cases = []

    def add(self, name, params=None, x=None, targets=None, role=None, **more):
        self.cases.append(Case(name, self.loss, params, **{role or self.role: x}, targets=targets,
                               **more))

    def drawn(self, shape, scale=2.0, axis=1):
        x = scores(self.rng, shape, scale)
        return self.prepare(x, axis)

    def sizes(self, sizes):
        for n, c in sizes:
            self.add(f"{n} rows of {c}", x=self.drawn((n, c)), targets=labels(self.rng, n, c))

    def shapes(self):
        rng = self.rng
        self.add("one row without a batch axis", x=self.drawn((5,), axis=0), targets=np.int64(3))
        self.add("(N, C, d1)", x=self.drawn((3, 4, 5)), targets=labels(rng, (3, 5), 4))
        self.add("(N, C, d1, d2)", x=self.drawn((2, 3, 4, 5)), targets=labels(rng, (2, 4, 5), 3))
        self.add("(N, C, d1, d2, d3)", {"reduction": "sum"}, x=self.drawn((2, 3, 2, 3, 2)),
                 targets=labels(rng, (2, 2, 3, 2), 3))
        self.add("pixels, more than a vector of them", x=self.drawn((2, 3, 37)),
                 targets=labels(rng, (2, 37), 3))
        self.add("class axis last", {"class_axis": -1}, x=self.drawn((2, 3, 4), axis=-1),
                 targets=labels(rng, (2, 3), 4))
        self.add("class axis last, by its index, unreduced", {"class_axis": 3, "reduction": "none"},
                 x=self.drawn((2, 3, 2, 5), axis=-1), targets=labels(rng, (2, 3, 2), 5))
        self.add("class axis first", {"class_axis": 0}, x=self.drawn((4, 6), axis=0),
                 targets=labels(rng, 6, 4))

    def reductions(self):
        for reduction in ("none", "mean", "sum"):
            self.add(f"reduction {reduction}", {"reduction": reduction}, x=self.drawn((6, 4)),
                     targets=labels(self.rng, 6, 4))
        self.add("unreduced pixels", {"reduction": "none"}, x=self.drawn((2, 3, 2, 2)),
                 targets=labels(self.rng, (2, 2, 2), 3))
        self.add("normalizer", {"normalizer": 128}, x=self.drawn((6, 4)),
                 targets=labels(self.rng, 6, 4))
        self.add("normalizer beside a sum has no effect", {"normalizer": 128, "reduction": "sum"},
                 x=self.drawn((3, 4)), targets=labels(self.rng, 3, 4), check=False)

    def weighting(self):
        rng = self.rng
        for reduction in ("none", "mean", "sum"):
            self.add(f"class weights, {reduction}", {"reduction": reduction}, x=self.drawn((7, 4)),
                     targets=labels(rng, 7, 4), weight=weights(rng, 4))
        self.add("class weights over pixels", x=self.drawn((2, 3, 3, 3)),
                 targets=labels(rng, (2, 3, 3), 3), weight=weights(rng, 3))
        self.add("a class of weight 0", x=self.drawn((5, 3)), targets=np.array([0, 1, 2, 1, 0]),
                 weight=np.array([1.5, 0, 0.5]))

    def ignoring(self):
        rng = self.rng
        t = np.array([0, -100, 2, 1, -100])
        for reduction in ("none", "mean", "sum"):
            self.add(f"default ignore_index, {reduction}", {"reduction": reduction},
                     x=self.drawn((5, 3)), targets=t)
        self.add("ignore_index is a class", {"ignore_index": 1}, x=self.drawn((5, 3)),
                 targets=np.array([0, 1, 2, 1, 0]))
        self.add("ignore_index 255 over pixels, class weights", {"ignore_index": 255},
                 x=self.drawn((2, 3, 5)), weight=weights(rng, 3),
                 targets=np.array([[0, 255, 1, 2, 255], [255, 2, 2, 1, 0]]))
        self.add("everything ignored: the mean of nothing", x=self.drawn((2, 3)),
                 targets=np.array([-100, -100]), check=False,
                 note="the gradient of an ignored row is 0, also where the mean is 0/0")
        self.add("everything ignored, on_empty zero", {"on_empty": "zero"}, x=self.drawn((2, 3)),
                 targets=np.array([-100, -100]), check=False)
        self.add("everything ignored, sum", {"reduction": "sum"}, x=self.drawn((2, 3)),
                 targets=np.array([-100, -100]))

    def masking(self):
        rng = self.rng
        self.add("mask", x=self.drawn((6, 3)), targets=labels(rng, 6, 3),
                 mask=np.array([1.0, 0, 1, 1, 0, 1]))
        self.add("mask, unreduced", {"reduction": "none"}, x=self.drawn((2, 3, 4)),
                 targets=labels(rng, (2, 4), 3), mask=np.array([[1.0, 0, 1, 1], [0, 1, 1, 0]]))
        self.add("mask by sample, over pixels", x=self.drawn((3, 3, 3)),
                 targets=labels(rng, (3, 3), 3), mask=np.array([1.0, 0, 1]))
        self.add("mask by pixel, for all samples", x=self.drawn((2, 3, 4)),
                 targets=labels(rng, (2, 4), 3), mask=np.array([[1.0, 0, 0, 1]]))
        self.add("mask over class weights", x=self.drawn((4, 3)), targets=labels(rng, 4, 3),
                 weight=weights(rng, 3), mask=np.array([1.0, 0, 1, 1]),
                 check=self.loss not in ("cross_entropy", "nll_loss"))
        self.add("everything masked", x=self.drawn((2, 3)), targets=labels(rng, 2, 3),
                 mask=np.zeros(2), check=False)
        self.add("sample_weight", x=self.drawn((5, 3)), targets=labels(rng, 5, 3),
                 sample_weight=np.array([0.5, 2, 0, 1, 3]))
        self.add("sample_weight and mask, sum", {"reduction": "sum"}, x=self.drawn((5, 3)),
                 targets=labels(rng, 5, 3), sample_weight=np.array([0.5, 2, 0, 1, 3]),
                 mask=np.array([0.0, 1, 1, 1, 1]))
        self.add("sample_weight of each sample over pixels", {"reduction": "none"},
                 x=self.drawn((2, 3, 4)), targets=labels(rng, (2, 4), 3),
                 sample_weight=np.array([[0.75], [1.25]]))
        broken = self.drawn((3, 3))
        broken[1] = [np.nan, -INF, INF]
        self.add("what is masked may be NaN", x=broken, targets=np.array([0, 1, 2]), check=False,
                 mask=np.array([1.0, 0, 1]), note="a masked row has loss and gradient exactly 0")
        self.add("what is ignored may be NaN", x=broken, targets=np.array([0, -100, 2]),
                 check=False, note="an ignored row has loss and gradient exactly 0")
        self.add("what has sample_weight 0 may be NaN", x=broken, targets=np.array([0, 1, 2]),
                 check=False, sample_weight=np.array([1.0, 0, 1]),
                 note="a weight of 0 selects; the row still counts in the denominator")

    def empty(self):
        none = np.zeros((0, 3))
        y = np.zeros(0, dtype=np.int64)
        self.add("empty batch, mean", x=none, targets=y, check=False)
        self.add("empty batch, on_empty zero", {"on_empty": "zero"}, x=none, targets=y, check=False)
        self.add("empty batch, sum", {"reduction": "sum"}, x=none, targets=y)
        self.add("empty batch, none", {"reduction": "none"}, x=none, targets=y)
        self.add("no pixels", {"reduction": "sum"}, x=np.zeros((2, 3, 0)),
                 targets=np.zeros((2, 0), dtype=np.int64))


def extremes(rows):
    """What only logits can do."""
    rng = rows.rng
    add, drawn = rows.add, rows.drawn
    add("logits of +-50", {"reduction": "none"}, x=scores(rng, (6, 5), 50),
        targets=labels(rng, 6, 5), check=False,
        note="PyTorch loses the digits of a loss far below 1")
    add("logits of +-1e4", {"reduction": "none"}, x=scores(rng, (4, 5), 1e4),
        targets=labels(rng, 4, 5), check=False)
    add("logits shifted by 1e8", {"reduction": "none"},
        x=narrow(1e8 + 8 * rng.integers(-3, 4, (4, 5))), targets=labels(rng, 4, 5), check=False)
    sure = np.zeros((3, 4))
    sure[[0, 1, 2], [1, 3, 0]] = [20, 60, 90]
    add("sure and right", {"reduction": "none"}, x=sure, targets=np.array([1, 3, 0]), check=False)
    add("sure and wrong", {"reduction": "none"}, x=sure, targets=np.array([0, 0, 3]), check=False)
    if rows.loss in ("cross_entropy", "softmax_focal"):  # elsewhere no difference is small enough
        add("the largest finite logits", {"reduction": "none"}, check=False,
            x=np.array([[3e38, 3e38, -3e38], [-3e38, -3e38, -3e38]]), targets=np.array([1, 2]))
    add("denormal and signed zero logits", {"reduction": "none"}, check=False,
        x=np.array([[1e-42, -0.0, 0.0], [-1e-45, 1e-38, 0.0]]), targets=np.array([0, 2]))
    cut = drawn((4, 4))
    cut[0, 1] = cut[1, 2] = cut[1, 3] = cut[3, 0] = -INF
    add("masked classes", x=cut, targets=np.array([0, 1, 2, 3]),
        check=rows.loss == "cross_entropy")
    add("one class left", x=np.array([[-INF, 3.0, -INF]]), targets=np.array([1]), check=False)
    add("target at a masked class", {"reduction": "none"}, x=cut, targets=np.array([1, 1, 2, 3]),
        check=rows.loss == "cross_entropy")
    gone = drawn((3, 4))
    gone[1] = -INF
    y = np.array([2, 1, 0])
    for policy in ("nan", "zero", "skip"):
        add(f"fully masked row, {policy}", {"on_masked_row": policy}, x=gone, targets=y,
            check=False)
        add(f"fully masked row, {policy}, unreduced", {"on_masked_row": policy,
                                                        "reduction": "none"},
            x=gone, targets=y, check=False)
        broken = gone.copy()
        broken[1, 2] = np.nan
        add(f"NaN among masked classes, {policy}", {"on_masked_row": policy, "reduction": "none"},
            x=broken, targets=y, check=False, note="a row with a NaN is no masked row")
        add(f"NaN among masked classes of a pixel, {policy}",
            {"on_masked_row": policy, "reduction": "none"}, x=np.stack([broken.T, gone.T]),
            targets=np.stack([y, y]), check=False)
    add("NaN at the end of a long masked row", {"on_masked_row": "zero", "reduction": "none"},
        x=np.concatenate([drawn((1, 40)), np.append(np.full((1, 39), -INF), [[np.nan]], axis=1)]),
        targets=np.array([3, 4]), check=False)
    add("fully masked row among long ones, skip", {"on_masked_row": "skip"}, check=False,
        x=np.concatenate([drawn((1, 40)), np.full((1, 40), -INF), drawn((1, 40))]),
        targets=np.array([3, 4, 5]))
    add("every row fully masked, skip", {"on_masked_row": "skip"}, x=np.full((2, 3), -INF),
        targets=np.array([0, 1]), check=False)
    add("fully masked row that is ignored", x=gone, targets=np.array([2, -100, 0]), check=False,
        note="ignored rows are left out before anything is computed of them")
    poisoned = drawn((4, 4))
    poisoned[1, 2], poisoned[2, 3] = np.nan, INF
    add("NaN and +Infinity stay in their rows", {"reduction": "none"}, x=poisoned,
        targets=np.array([0, 1, 3, 2]), check=False)


def softened(rows):
    """Targets with a number for each class."""
    rng = rows.rng
    add, drawn = rows.add, rows.drawn
    for reduction in ("none", "mean", "sum"):
        add(f"soft targets, {reduction}", {"reduction": reduction}, x=drawn((5, 4)),
            targets=distribution(rng, (5, 4)))
    for c in (1, 16, 33, 100):
        add(f"soft rows of {c}", {"reduction": "none"}, x=drawn((3, c)),
            targets=distribution(rng, (3, c)))
    add("soft targets, weighted", x=drawn((5, 4)), targets=distribution(rng, (5, 4)),
        weight=weights(rng, 4))
    add("soft targets over pixels", x=drawn((2, 3, 4)), targets=distribution(rng, (2, 3, 4)))
    add("soft targets, class axis last", {"class_axis": -1}, x=drawn((2, 5, 3), axis=-1),
        targets=distribution(rng, (2, 5, 3), axis=-1))
    add("one soft row", x=drawn((4,), axis=0), targets=distribution(rng, (4,), axis=0))
    add("soft targets that do not sum to 1", x=drawn((3, 4)),
        targets=narrow(rng.uniform(0, 2, (3, 4))))
    add("soft targets with mask and sample_weight", x=drawn((3, 4)),
        targets=distribution(rng, (3, 4)), mask=np.array([1.0, 0, 1]),
        sample_weight=np.array([0.5, 1, 2]))
    cut = drawn((2, 3))
    cut[0, 1] = -INF
    add("soft target 0 at a masked class", {"reduction": "none"}, x=cut, check=False,
        targets=np.array([[0.25, 0, 0.75], [0.5, 0.5, 0]]),
        note="0 log 0 is 0; PyTorch gives NaN")
    add("soft target at a masked class", {"reduction": "none"}, x=cut, check=False,
        targets=np.array([[0.25, 0.5, 0.25], [0.5, 0.5, 0]]))
    add("soft, weight 0 at a masked class", {"reduction": "none"}, x=cut, check=False,
        targets=np.array([[0.25, 0.5, 0.25], [0.5, 0.5, 0]]), weight=np.array([1.0, 0, 2]),
        note="a weight of 0 selects, it never multiplies an infinity")


FORMS = {"logits": lambda x, axis: x, "probs": lambda x, axis: narrow(np.exp(log_softmax(x, axis))),
         "log_probs": log_softmax}


def forms(rows, soft=True):
    """The prediction in its other forms, taken as given."""
    rng = rows.rng
    for role, prepare in FORMS.items():
        if role == rows.role:
            continue

        def add(name, params=None, shape=(5, 4), axis=1, role=role, prepare=prepare, **more):
            rows.add(f"given {role}: {name}", params, role=role,
                     x=prepare(scores(rng, shape), axis), **more)

        for reduction in ("none", "mean", "sum"):
            add(f"class indices, {reduction}", {"reduction": reduction}, targets=labels(rng, 5, 4))
        add("long rows", shape=(3, 100), targets=labels(rng, 3, 100))
        add("pixels", {"ignore_index": 2}, shape=(2, 3, 4), targets=labels(rng, (2, 4), 3),
            weight=weights(rng, 3))
        add("class axis last, a mask", {"class_axis": -1}, shape=(2, 4, 3), axis=-1,
            targets=labels(rng, (2, 4), 3), mask=np.array([[1.0], [0]]))
        if soft:
            add("soft targets", {"reduction": "none"}, targets=distribution(rng, (5, 4)))
            add("soft targets, weighted", targets=distribution(rng, (5, 4)),
                weight=weights(rng, 4))
            add("long soft rows", shape=(2, 37), targets=distribution(rng, (2, 37)))


def zero_probs(rows):
    add = rows.add
    p = np.array([[0.0, 0.25, 0.75], [0.5, 0.5, 0], [1, 0, 0]])
    add("probability 0 elsewhere", role="probs", x=p, targets=np.array([1, 0, 0]), check=False,
        note="classes that are not the target are not read; PyTorch gives 0 x inf = NaN")
    add("probability 0 at the target", {"reduction": "none"}, role="probs", x=p,
        targets=np.array([0, 0, 0]), check=False)
    add("soft target 0 at probability 0", {"reduction": "none"}, role="probs", x=p, check=False,
        targets=np.array([[0, 0.5, 0.5], [0.25, 0.75, 0], [1, 0, 0]]),
        note="0 log 0 is 0; PyTorch gives NaN")


def cross_entropy():
    rows = Rows("cross_entropy", "logits", lambda x, axis: x, 1)
    rng, add, drawn = rows.rng, rows.add, rows.drawn
    rows.sizes([(3, 1), (5, 2), (4, 3), (33, 3), (17, 10), (16, 10), (1, 15), (2, 16), (3, 17),
                (2, 33), (2, 63), (2, 64), (2, 65), (18, 65), (2, 100), (2, 1000)])
    rows.shapes(), rows.reductions(), rows.weighting(), rows.ignoring(), rows.masking()
    rows.empty(), softened(rows), extremes(rows), forms(rows), zero_probs(rows)
    for e in (0.125, 0.1, 1.0):
        for reduction in ("none", "mean", "sum"):
            add(f"label_smoothing {e}, {reduction}", {"label_smoothing": e, "reduction": reduction},
                x=drawn((5, 4)), targets=labels(rng, 5, 4))
    add("label_smoothing, class weights", {"label_smoothing": 0.125}, x=drawn((6, 4)),
        targets=labels(rng, 6, 4), weight=weights(rng, 4))
    add("label_smoothing, class weights, ignored rows, pixels",
        {"label_smoothing": 0.25, "ignore_index": 9}, x=drawn((2, 4, 3)),
        targets=np.array([[0, 9, 3], [2, 1, 9]]), weight=weights(rng, 4))
    add("label_smoothing over long rows", {"label_smoothing": 0.125}, x=drawn((3, 100)),
        targets=labels(rng, 3, 100), weight=weights(rng, 100))
    add("label_smoothing of soft targets", {"label_smoothing": 0.125}, x=drawn((4, 5)),
        targets=distribution(rng, (4, 5)), weight=weights(rng, 5))
    cut = drawn((3, 3))
    cut[0, 1] = -INF
    add("label_smoothing at a masked class", {"label_smoothing": 0.125, "reduction": "none"},
        x=cut, targets=np.array([0, 1, 2]), note="e/C > 0: the loss is truly infinite",
        check=False)
    add("weights that sum to 0: 0/0", x=drawn((3, 3)), targets=np.array([1, 1, 1]),
        weight=np.array([1.0, 0, 2]), check=False, note="a weight of 0 selects: gradient 0")
    add("weight 0 at a masked target", {"reduction": "none"}, x=cut, targets=np.array([1, 1, 2]),
        weight=np.array([1.0, 0, 2]), check=False,
        note="a weight of 0 selects, it never multiplies an infinity")
    smoothed(rows, 6), smoothed(rows, 40)
    return rows.cases


def smoothed(rows, classes):
    """Where the sum of all scores says less than the scores."""
    far = np.where(np.arange(classes) % 2, 5e307, -5e307)[None, :]
    x = np.clip(np.repeat(far, 4, axis=0), -2, 2)
    x[0, 5] = x[1, 5] = -INF
    targets = np.array([5, 4, 5, 4])
    for e in (0.125, 1.0):
        rows.add(f"label_smoothing {e} at masked classes, {classes} of them",
                 {"label_smoothing": e, "reduction": "none"}, x=x, targets=targets, check=False)
    rows.add(f"label_smoothing of {classes} scores whose sum is out of range",
             {"label_smoothing": 0.125, "reduction": "none"}, x=far, targets=np.array([4]),
             check=False, float64_only=True)


def nll_loss():
    rows = Rows("nll_loss", "log_probs", log_softmax, 2)
    rows.sizes([(3, 1), (5, 2), (33, 3), (17, 10), (2, 16), (3, 17), (2, 65), (2, 100), (1, 1000)])
    rows.shapes(), rows.reductions(), rows.weighting(), rows.ignoring(), rows.masking()
    rows.empty(), forms(rows, soft=False)
    add = rows.add
    gone = scores(rows.rng, (3, 4))
    gone[1] = -INF
    for policy in ("nan", "zero", "skip"):
        add(f"given logits: fully masked row, {policy}", {"on_masked_row": policy}, role="logits",
            x=gone, targets=np.array([2, 1, 0]), check=False)
    add("unnormalised: the loss may be negative", x=scores(rows.rng, (4, 3)),
        targets=labels(rows.rng, 4, 3))
    cut = rows.drawn((3, 3))
    cut[0, 1] = cut[1, 0] = -INF
    add("-Infinity elsewhere is not read", x=cut, targets=np.array([0, 1, 2]))
    add("-Infinity at the target", {"reduction": "none"}, x=cut, targets=np.array([1, 1, 2]))
    add("weight 0 at -Infinity", {"reduction": "none"}, x=cut, targets=np.array([1, 1, 2]),
        weight=np.array([1.0, 0, 2]), check=False,
        note="a weight of 0 selects, it never multiplies an infinity")
    return rows.cases


def softmax_focal():
    rows = Rows("softmax_focal", "logits", lambda x, axis: x, 3)
    rng, add, drawn = rows.rng, rows.add, rows.drawn
    rows.sizes([(3, 1), (5, 2), (33, 3), (17, 10), (2, 16), (3, 17), (2, 65), (2, 100), (1, 1000)])
    rows.shapes(), rows.reductions(), rows.weighting(), rows.ignoring(), rows.masking()
    rows.empty(), softened(rows), extremes(rows), forms(rows), zero_probs(rows)
    for gamma in (0.0, 0.25, 0.5, 1.0, 2.0, 5.0):
        add(f"gamma {gamma}", {"gamma": gamma, "reduction": "none"}, x=drawn((4, 5)),
            targets=labels(rng, 4, 5))
        add(f"gamma {gamma}, sure", {"gamma": gamma, "reduction": "none"}, check=False,
            x=np.array([[30.0, 0, 1], [0, 90, 2], [1, 2, 120]]), targets=np.array([0, 1, 0]))
    for alpha in (None, 0.0, 0.25, 1.0):
        add(f"alpha {alpha}", {"alpha": alpha}, x=drawn((4, 3)), targets=labels(rng, 4, 3))
    add("gamma, alpha and class weights of soft targets", {"gamma": 1.5, "alpha": 0.25},
        x=drawn((4, 3)), targets=distribution(rng, (4, 3)), weight=weights(rng, 3))
    return rows.cases


def rows_of_log_p(loss, seed):
    rows = Rows(loss, "logits", lambda x, axis: x, seed)
    rows.sizes([(3, 1), (5, 2), (33, 3), (17, 10), (2, 16), (3, 17), (2, 65), (2, 100)])
    rows.shapes(), rows.reductions(), rows.weighting(), rows.ignoring(), rows.masking()
    rows.empty(), forms(rows), extremes(rows)
    return rows


def poly1_cross_entropy():
    rows = rows_of_log_p("poly1_cross_entropy", 21)
    rng, add, drawn = rows.rng, rows.add, rows.drawn
    for eps in (-1.0, 0.0, 1.0, 2.0):
        add(f"eps {eps}", {"eps": eps, "reduction": "none"}, x=drawn((4, 5)),
            targets=labels(rng, 4, 5))
        add(f"eps {eps}, soft targets", {"eps": eps}, x=drawn((4, 5)),
            targets=distribution(rng, (4, 5)))
    return rows.cases


def generalized_cross_entropy():
    rows = rows_of_log_p("generalized_cross_entropy", 22)
    rng, add, drawn = rows.rng, rows.add, rows.drawn
    for q in (0.0625, 0.5, 0.75, 1.0):
        add(f"q {q}", {"q": q, "reduction": "none"}, x=drawn((4, 5)), targets=labels(rng, 4, 5))
        add(f"q {q}, soft targets", {"q": q}, x=drawn((4, 5)), targets=distribution(rng, (4, 5)))
    add("a target at a masked class", {"reduction": "none"}, check=False,
        x=np.array([[1.0, -INF, 0], [0, 1, -INF]]), targets=np.array([1, 1]),
        note="costs 1 / q, the most there is")
    for q in (0.5, 1.0):
        add(f"probabilities of exactly 0, q {q}", {"q": q, "reduction": "none"}, role="probs",
            x=np.array([[1.0, 0], [0, 1]]), targets=np.array([1, 1]), check=False,
            note="no gradient, as behind a masked class")
    return rows.cases


def kl_div_forms(rng, add):
    for role, prepare in FORMS.items():
        if role == "log_probs":
            continue
        for reduction in ("none", "mean", "sum", "batchmean"):
            add(f"given {role}, {reduction}", {"reduction": reduction},
                **{role: prepare(scores(rng, (3, 5)), 1)}, targets=distribution(rng, (3, 5)))
        for c in (1, 16, 65, 100):
            add(f"given {role}, rows of {c}", {"reduction": "sum"},
                **{role: prepare(scores(rng, (2, c)), 1)}, targets=distribution(rng, (2, c)))
        add(f"given {role}, log_target", {"log_target": True},
            **{role: prepare(scores(rng, (3, 5)), 1)}, targets=log_softmax(scores(rng, (3, 5))))
        add(f"given {role}, class axis last", {"class_axis": -1, "reduction": "batchmean"},
            **{role: prepare(scores(rng, (2, 3, 5)), -1)},
            targets=distribution(rng, (2, 3, 5), -1))
        add(f"given {role}, pixels, mask by element", **{role: prepare(scores(rng, (2, 3, 4)), 1)},
            targets=distribution(rng, (2, 3, 4)),
            mask=narrow(rng.random((2, 3, 4)) < 0.7))
        add(f"given {role}, sample_weight by element", {"reduction": "none"},
            **{role: prepare(scores(rng, (2, 4)), 1)}, targets=distribution(rng, (2, 4)),
            sample_weight=narrow(rng.uniform(0, 2, (2, 4))))
        add(f"given {role}, one axis", {"reduction": "sum"},
            **{role: prepare(scores(rng, (5,)), 0)}, targets=distribution(rng, (5,), 0))
    x = scores(rng, (3, 4))
    x[0, 1] = -INF
    y = distribution(rng, (3, 4))
    y[0] = [0.5, 0, 0.25, 0.25]
    add("given logits, target 0 at a masked class", {"reduction": "none"}, logits=x, targets=y,
        check=False, note="0 log 0 is 0; PyTorch gives NaN")
    add("given logits of +-1e4", {"reduction": "none"}, logits=scores(rng, (2, 4), 1e4),
        targets=distribution(rng, (2, 4)), check=False)
    x[1] = -INF
    for policy in ("nan", "zero", "skip"):
        add(f"given logits, fully masked row, {policy}", {"on_masked_row": policy}, logits=x,
            targets=y, check=False, note="skip leaves the row's classes out of the denominator")
    p = np.array([[0.0, 0.25, 0.75], [0.5, 0.5, 0]])
    add("given probs of 0", {"reduction": "none"}, probs=p, check=False,
        targets=np.array([[0, 0.5, 0.5], [0.25, 0.5, 0.25]]))


def kl_div():
    rng = np.random.default_rng(4)
    cases = []

    def add(name, params=None, **more):
        cases.append(Case(name, "kl_div", params, **more))

    for c in (1, 2, 15, 16, 17, 33, 100):
        add(f"rows of {c}", log_probs=log_softmax(scores(rng, (2, c))),
            targets=distribution(rng, (2, c)))
    for reduction in ("none", "mean", "sum", "batchmean"):
        x = log_softmax(scores(rng, (4, 5)))
        add(f"reduction {reduction}", {"reduction": reduction}, log_probs=x,
            targets=distribution(rng, (4, 5)))
        add(f"log_target, {reduction}", {"reduction": reduction, "log_target": True}, log_probs=x,
            targets=log_softmax(scores(rng, (4, 5))))
    add("normalizer", {"normalizer": 8}, log_probs=log_softmax(scores(rng, (4, 5))),
        targets=distribution(rng, (4, 5)))
    add("one axis", {"reduction": "sum"}, log_probs=log_softmax(scores(rng, (5,)), 0),
        targets=distribution(rng, (5,), 0))
    add("(N, C, d1, d2), batchmean", {"reduction": "batchmean"},
        log_probs=log_softmax(scores(rng, (2, 3, 2, 3))), targets=distribution(rng, (2, 3, 2, 3)))
    add("mask, by element", log_probs=log_softmax(scores(rng, (2, 4))),
        targets=distribution(rng, (2, 4)), mask=np.array([[1.0, 0, 1, 1], [0, 1, 1, 1]]))
    add("sample_weight, by row", log_probs=log_softmax(scores(rng, (3, 4))),
        targets=distribution(rng, (3, 4)), sample_weight=np.array([[0.5], [0], [2]]))
    add("sample_weight by row, sum", {"reduction": "sum"},
        log_probs=log_softmax(scores(rng, (3, 4))), targets=distribution(rng, (3, 4)),
        sample_weight=np.array([[0.5], [0.25], [2]]))
    add("gradient of the targets", log_probs=log_softmax(scores(rng, (2, 4))),
        targets=narrow(rng.uniform(0.01, 1, (2, 4))), wanted=["log_probs", "targets"])
    add("gradient of the targets, log_target", {"log_target": True},
        log_probs=log_softmax(scores(rng, (2, 4))), targets=log_softmax(scores(rng, (2, 4))),
        wanted=["log_probs", "targets"])
    kl_div_forms(rng, add)
    cut = log_softmax(scores(rng, (2, 3)))
    cut[0, 1] = -INF
    add("target 0 at -Infinity", {"reduction": "none"}, log_probs=cut, check=False,
        targets=np.array([[0.5, 0, 0.5], [1, 0, 0]]), note="0 log 0 is 0; PyTorch gives NaN")
    add("target at -Infinity", {"reduction": "none"}, log_probs=cut,
        targets=np.array([[0.5, 0.25, 0.25], [1, 0, 0]]), check=False)
    add("log_target of -Infinity", {"reduction": "none", "log_target": True}, log_probs=cut,
        targets=np.array([[-0.5, -INF, -1], [0, -INF, -INF]]), check=False,
        note="a probability of exactly 0 leaves its term out")
    add("tiny targets", {"reduction": "none"}, log_probs=log_softmax(scores(rng, (2, 3))),
        targets=np.array([[1e-38, 1e-44, 1], [1e-30, 1e-20, 1e-10]]), check=False)
    none = np.zeros((0, 3))
    add("empty batch, mean", log_probs=none, targets=none, check=False)
    add("empty batch, on_empty zero", {"on_empty": "zero"}, log_probs=none, targets=none,
        check=False)
    add("empty batch, sum", {"reduction": "sum"}, log_probs=none, targets=none)
    add("everything masked", log_probs=log_softmax(scores(rng, (2, 3))),
        targets=distribution(rng, (2, 3)), mask=np.zeros((2, 3)), check=False)
    return cases


FILES = {f.__name__: f for f in (cross_entropy, nll_loss, softmax_focal, poly1_cross_entropy,
                                 generalized_cross_entropy, kl_div)}
