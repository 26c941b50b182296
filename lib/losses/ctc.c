/*
 * Connectionist temporal classification: the probability of a list of labels,
 * summed over every way to spread it over the frames.
 *
 *   l = -log P(labels | x),   P = sum over alignments of prod_t p_t(k_t)
 *
 * A state is a label or one of the blanks around them, 2 s + 1 in all.  With
 * alpha_t(i) the probability of all beginnings that are in state i at frame t,
 * and beta_t(i) that of all ends behind it,
 *
 *   alpha_t(i) = p_t(i) (alpha_t-1(i) + alpha_t-1(i - 1), and
 *                + alpha_t-1(i - 2) where state i is a label other than i - 2)
 *   posterior_t(k) = sum over the states of class k of alpha beta / P
 *
 *   dl/dx = p - posterior for logits, -posterior for log-probabilities
 *
 * Thousands of frames multiply, so the recursion is in float64 also for
 * float32, and its numbers have an exponent of their own: logarithms would lose
 * as many digits as log P has, and cost two functions a step.  The float32
 * build reads and writes its numbers and leaves the rest to the other.
 *
 * An alignment that does not fit costs Infinity and has no gradient (NaN);
 * zero_infinity makes both 0.
 *
 * Ref: Graves et al. 2006; torch.nn.CTCLoss, whose gradient with respect to
 * log_probs is that of the logits behind them.
 */
#include "../simd/math.h"
#include "../simd/operand.h"
#include "../simd/vec.h"

struct ctc_params {
	int64_t blank;
	loss_flag zero_infinity;
};

/* A row of numbers m 2^e. */
struct states {
	double *m, *e;
};

/* What one sequence works on, in float64 whatever the dtype is. */
struct lattice {
	const struct loss_eval *e;
	struct loss_sequence sequence;
	int64_t states, row;     /* in use; from one row of states to the next */
	struct states alpha;     /* of every frame, one behind the other */
	struct states beta;      /* of a frame */
	struct states next;      /* of the frame behind it, times its probabilities */
	struct states p;         /* the probabilities of a frame, by state */
	double *skips;           /* 1 where a label may follow the label before, else 0 */
	double *frame;           /* the scores of all classes */
	double *shift, *inverse; /* by frame: p = exp(score - shift) inverse */
	/* Reads frame t into lattice.frame, and gives its gradient away. */
	void (*read)(const struct lattice *l, int64_t t, int64_t n);
	void (*write)(const struct lattice *l, int64_t t, int64_t n, double scale);
};

/* One recursion for both dtypes, in the build for float64. */
#define LATTICE LOSS_PASTE(loss_ctc, lattice, LOSS_ISA, 64)
double LATTICE(struct lattice *l, int64_t n, double scale, bool wants_gradient);

#if LOSS_REAL == 64

enum { EDGE = 8 }; /* states that are not there, at either end of a row */

/* The exponent of 0, less than that of any product. */
static const double nothing = -0x1p50;

/* ---- Numbers of any size ------------------------------------------------------ */

/* m 2^e, 2/3 <= m < 4/3 or m = 0. */
struct big {
	vec m, e;
};

/* 2^e, 0 where that is very small. */
INLINE vec power_of_2(vec e)
{
	vec bounded = v_min(v_max(e, v_set(-1022)), v_set(1022));

	return v_and(v_gt(e, v_set(-1022)), v_exponent(v_to_int(bounded + v_set(1023))));
}

INLINE struct big big_of(vec m, vec e)
{
	struct v_split s = v_split(m);
	mask is_zero = v_eq(m, v_set(0)), is_plain = v_log_is_plain(m);

	return (struct big){
		.m = v_select(is_plain, s.m, m),
		.e = v_select(is_zero, v_set(nothing),
			      e + v_and(is_plain, v_split_exponent(s) - v_set(1023))),
	};
}

INLINE struct big big_product(struct big a, struct big b)
{
	return big_of(a.m * b.m, a.e + b.e);
}

INLINE struct big big_sum(struct big a, struct big b, struct big c)
{
	vec e = v_max(a.e, v_max(b.e, c.e));
	vec sum = a.m * power_of_2(a.e - e) + b.m * power_of_2(b.e - e);

	return (struct big){sum + c.m * power_of_2(c.e - e), e};
}

/* x where the mask is on, nothing elsewhere: also its exponent, or it would
 * drown the others of a sum. */
INLINE struct big big_and(mask on, struct big x)
{
	return (struct big){v_and(on, x.m), v_select(on, x.e, v_set(nothing))};
}

/* exp(x) y of x <= 0. */
INLINE struct big big_exp(vec x, vec y)
{
	vec bounded = v_max(x, v_set(-0x1p40));
	struct v_reduced r = v_reduce(bounded, EXPONENT_BIAS);
	mask is_zero = v_eq(x, v_set(-(double)INFINITY));
	vec m = v_select(v_isnan(x), x, V_POLY(r.r, EXP_COEFS)) * y;

	return big_of(v_and(m_not(is_zero), m), r.n);
}

INLINE struct big load(struct states s, int64_t i)
{
	return (struct big){v_load(s.m + EDGE + i), v_load(s.e + EDGE + i)};
}

INLINE void store(struct states s, int64_t i, struct big x, int n)
{
	v_store_n(s.m + EDGE + i, x.m, n);
	v_store_n(s.e + EDGE + i, x.e, n);
}

/* Nothing anywhere. */
static void clear(struct states s, int64_t row)
{
	for (int64_t i = 0; i < row; i++) {
		s.m[i] = 0;
		s.e[i] = nothing;
	}
}

static struct states row_of(const struct lattice *l, struct states s, int64_t t)
{
	return (struct states){s.m + t * l->row, s.e + t * l->row};
}

/* ---- Probabilities of a frame --------------------------------------------------- */

static int64_t class_of(const struct lattice *l, int64_t state)
{
	const struct ctc_params *p = loss_params_of(l->e);

	return state % 2 ? l->sequence.label[state / 2] : p->blank;
}

/* shift and inverse of the softmax of a frame. */
static void normalize(const struct lattice *l, int64_t t)
{
	const double *x = l->frame;
	struct gmax most = gmax_init();
	struct acc sum = acc_zero();
	int64_t c = l->e->c;

	for (int64_t i = 0; i < c; i += GROUP)
		UNROLL for (int r = 0; r < REGS; r++)
		{
			int64_t at = loss_min_i64(i + r * LANES, c);
			int n = (int)loss_min_i64(LANES, c - at);

			gmax_add(&most, r, v_load_n(x + at, n, -(double)INFINITY));
		}
	vec shift = v_set(gmax_result(&most));

	for (int64_t i = 0; i < c; i += GROUP)
		UNROLL for (int r = 0; r < REGS; r++)
		{
			int64_t at = loss_min_i64(i + r * LANES, c);
			int n = (int)loss_min_i64(LANES, c - at);
			vec ex = v_exp_neg(v_load_n(x + at, n, 0) - shift);

			acc_add(&sum, r, v_and(m_first(n), ex));
		}
	l->shift[t] = shift[0];
	l->inverse[t] = 1 / acc_sum(&sum);
}

/* The probabilities of frame t, by state. */
static void read_states(const struct lattice *l, int64_t t, int64_t n)
{
	vec shift = v_set(l->shift[t]), inverse = v_set(l->inverse[t]);

	l->read(l, t, n);
	for (int64_t i = 0; i < l->states; i++)
		l->p.m[EDGE + i] = l->frame[class_of(l, i)];
	for (int64_t i = 0; i < l->states; i += LANES)
		store(l->p, i, big_exp(load(l->p, i).m - shift, inverse), LANES);
}

static void prepare_frame(const struct lattice *l, int64_t t, int64_t n)
{
	l->shift[t] = 0;
	l->inverse[t] = 1;
	if (l->e->form == LOSS_ROLE_LOGITS) {
		l->read(l, t, n);
		normalize(l, t);
	}
	read_states(l, t, n);
}

static void find_skips(const struct lattice *l)
{
	const int64_t *label = l->sequence.label;

	for (int64_t i = 0; i < l->row; i++)
		l->skips[i] = 0;
	for (int64_t i = 3; i < l->states; i += 2)
		l->skips[i] = label[i / 2] != label[i / 2 - 1];
}

/* ---- Forwards ------------------------------------------------------------------- */

/* alpha of frame t: from the state itself, the one before, and the one before
 * that where it may be skipped. */
static void step(const struct lattice *l, int64_t t)
{
	struct states alpha = row_of(l, l->alpha, t);

	clear(alpha, l->row);
	if (t == 0) {
		alpha.m[EDGE] = alpha.m[EDGE + 1] = 1;
		alpha.e[EDGE] = alpha.e[EDGE + 1] = 0;
	}
	struct states before = t == 0 ? alpha : row_of(l, l->alpha, t - 1);

	for (int64_t i = 0; i < l->states; i += LANES) {
		int n = (int)loss_min_i64(LANES, l->states - i);
		struct big ways = load(before, i), skip = load(before, i - 2);

		if (t > 0) {
			skip = big_and(v_ne(v_load(l->skips + i), v_set(0)), skip);
			ways = big_sum(ways, load(before, i - 1), skip);
		}
		store(alpha, i, big_product(ways, load(l->p, i)), n);
	}
	/* Without a label there is no second state. */
	if (l->states == 1) {
		alpha.m[EDGE + 1] = 0;
		alpha.e[EDGE + 1] = nothing;
	}
}

/* The probability of the labels. */
static struct big forwards(const struct lattice *l, int64_t n)
{
	int64_t frames = l->sequence.frames, last = l->states - 1;
	struct states alpha = row_of(l, l->alpha, frames - 1);
	struct big none = {v_set(0), v_set(nothing)}, sum;

	for (int64_t t = 0; t < frames; t++) {
		prepare_frame(l, t, n);
		step(l, t);
	}
	sum = big_sum(load(alpha, last), load(alpha, last - 1), none);
	sum = big_of(sum.m, sum.e);
	return (struct big){v_set(sum.m[0]), v_set(sum.e[0])};
}

/* ---- Backwards ------------------------------------------------------------------ */

/* beta of a frame from that of the frame behind it. */
static void step_back(const struct lattice *l)
{
	for (int64_t i = 0; i < l->states; i += LANES) {
		int n = (int)loss_min_i64(LANES, l->states - i);
		struct big skip = load(l->next, i + 2), sum;

		skip = big_and(v_ne(v_load(l->skips + i + 2), v_set(0)), skip);
		sum = big_sum(load(l->next, i), load(l->next, i + 1), skip);
		store(l->beta, i, big_of(sum.m, sum.e), n);
	}
}

/* The gradient of a frame: what the softmax gives less what the labels want. */
static void give_frame(const struct lattice *l, int64_t t, int64_t n, struct big p, double scale)
{
	struct states alpha = row_of(l, l->alpha, t);
	bool is_softmax = l->e->form == LOSS_ROLE_LOGITS;

	for (int64_t k = 0; k < l->e->c; k++)
		l->frame[k] = is_softmax ? s_exp(l->frame[k] - l->shift[t]) * l->inverse[t] : 0;
	for (int64_t i = 0; i < l->states; i += LANES) {
		int lanes = (int)loss_min_i64(LANES, l->states - i);
		struct big a = load(alpha, i), b = load(l->beta, i);
		vec share = a.m * b.m / p.m * power_of_2(a.e + b.e - p.e);

		for (int lane = 0; lane < lanes; lane++)
			l->frame[class_of(l, i + lane)] -= share[lane];
	}
	l->write(l, t, n, scale);
}

static void backwards(const struct lattice *l, int64_t n, struct big p, double scale)
{
	int64_t last = EDGE + l->states - 1;

	clear(l->beta, l->row);
	clear(l->next, l->row);
	for (int64_t i = l->states > 1 ? last - 1 : last; i <= last; i++) {
		l->beta.m[i] = 1;
		l->beta.e[i] = 0;
	}
	for (int64_t t = l->sequence.frames - 1; t >= 0; t--) {
		if (t < l->sequence.frames - 1)
			step_back(l);
		read_states(l, t, n);
		for (int64_t i = 0; i < l->states; i += LANES)
			store(l->next, i, big_product(load(l->beta, i), load(l->p, i)),
			      (int)loss_min_i64(LANES, l->states - i));
		give_frame(l, t, n, p, scale);
	}
}

/* ---- A sequence ------------------------------------------------------------------ */

static struct states take_states(double **at, int64_t count)
{
	struct states states = {*at, *at + count};

	*at += 2 * count;
	return states;
}

static void lay_out(struct lattice *l)
{
	const struct loss_eval *e = l->e;
	double *at = l->sequence.room;

	l->states = 2 * l->sequence.labels + 1;
	l->row = l->sequence.row;
	l->alpha = take_states(&at, e->d * l->row);
	l->beta = take_states(&at, l->row);
	l->next = take_states(&at, l->row);
	l->p = take_states(&at, l->row);
	l->skips = at;
	l->shift = l->skips + l->row;
	l->inverse = l->shift + e->d;
	l->frame = l->inverse + e->d;
	clear(l->p, l->row);
}

/* The loss; its gradient times `scale` is given away frame by frame. */
double LATTICE(struct lattice *l, int64_t n, double scale, bool wants_gradient)
{
	struct big p;

	lay_out(l);
	find_skips(l);
	p = forwards(l, n);
	if (wants_gradient)
		backwards(l, n, p, scale);
	return -v_fma(p.e, v_set(LN2), v_log(p.m) + p.e * v_set(LN2_LOW))[0];
}

#endif

/* ---- Numbers of either dtype -------------------------------------------------- */

static int64_t frame_at(const struct loss_eval *e, int64_t t, int64_t n)
{
	return (t * e->n + n) * e->c;
}

static void read_frame(const struct lattice *l, int64_t t, int64_t n)
{
	const real *x = (const real *)l->e->in[0].data + frame_at(l->e, t, n);

	for (int64_t k = 0; k < l->e->c; k++)
		l->frame[k] = (double)x[k];
}

static void write_frame(const struct lattice *l, int64_t t, int64_t n, double scale)
{
	real *g = (real *)l->e->out.gradients[0] + frame_at(l->e, t, n);

	for (int64_t k = 0; k < l->e->c; k++) {
		real value = (real)(l->frame[k] * scale);

		g[k] = l->e->out.accumulate[0] ? g[k] + value : value;
	}
}

/* The same number for every class of frames [from, d): 0, or NaN. */
static void write_rest(const struct loss_eval *e, int64_t from, int64_t n, real value)
{
	real *gradient = e->out.gradients[0];

	for (int64_t t = from; gradient && t < e->d; t++) {
		real *g = gradient + frame_at(e, t, n);

		for (int64_t k = 0; k < e->c; k++)
			g[k] = e->out.accumulate[0] ? g[k] + value : value;
	}
}

/* ---- A block: one sequence ------------------------------------------------------ */

static double loss_of(const struct loss_eval *e, const struct loss_sequence *sequence, int64_t n,
		      double factor)
{
	const struct ctc_params *p = loss_params_of(e);
	struct lattice l = {
		.e = e, .sequence = *sequence, .read = read_frame, .write = write_frame};
	double loss;

	if (!loss_sequence_fits(sequence)) {
		write_rest(e, 0, n, p->zero_infinity || sequence->frames == 0 ? 0 : (real)NAN);
		return p->zero_infinity ? 0 : INFINITY;
	}
	write_rest(e, sequence->frames, n, 0);
	if (sequence->frames == 0)
		return 0;
	loss = LATTICE(&l, n, factor * e->gradient_scale, e->out.gradients[0] != NULL);
	if (p->zero_infinity && loss == INFINITY) {
		write_rest(e, 0, n, 0);
		return 0;
	}
	return loss;
}

/* The mean is one over sequences of the loss a label. */
static double share_of(const struct loss_eval *e, const struct loss_sequence *sequence)
{
	if (e->spec.common.reduction != LOSS_MEAN)
		return 1;
	return 1 / (double)loss_max_i64(1, sequence->labels);
}

static void block_of(const struct loss_eval *e, int64_t n, struct loss_partial *out)
{
	struct loss_sequence sequence = loss_sequence_of(e, n);
	double share = share_of(e, &sequence), loss = 0;
	real factor = 1;

	if (e->has_factor)
		multiply_factors(e, n, 1, 1, &factor);
	if (factor == 0)
		write_rest(e, 0, n, 0);
	else
		loss = loss_of(e, &sequence, n, (double)factor * share) * (double)factor * share;
	out->sum = loss;
	if (e->out.losses)
		((real *)e->out.losses)[n] = (real)loss;
	if (!isfinite(loss))
		out->flags |= LOSS_FLAG_NONFINITE;
}

const struct loss_kernels LOSS_KERNELS(ctc) = {
	.main = {[LOSS_ROLE_LOGITS] = block_of, [LOSS_ROLE_LOG_PROBS] = block_of},
};

#if LOSS_DESCRIBES
const struct loss loss_described_ctc = {
	.name = "ctc",
	.title = "Connectionist temporal classification",
	.family = "sequence",
	.formula = "-log P(labels), P = sum over alignments of prod_t p_t; mean: over sequences, "
		   "each divided by its labels",
	.reference = "Graves et al. 2006; torch.nn.CTCLoss",
	.notes = "Scores are (frames, sequences, classes). An alignment that does not fit (fewer "
		 "frames than labels and the blanks between repeated ones) costs Infinity and its "
		 "gradient is NaN. The gradient of log_probs is their own; PyTorch gives that of "
		 "the logits behind them.",
	.aliases = {"ctc_loss", "CTCLoss"},
	.traits = LOSS_IS_SEQUENCE,
	.reductions = LOSS_ALL_REDUCTIONS,
	.reduction = LOSS_MEAN,
	LOSS_INPUTS(LOSS_INPUT(LOGITS, .forms = LOSS_ROLE_BIT(LOG_PROBS),
			       .shape = LOSS_SHAPE_PREDICTION, .differentiable = true,
			       .doc = "Scores of every class in every frame."),
		    LOSS_INPUT(TARGETS, .kind = LOSS_KIND_INDEX, .shape = LOSS_SHAPE_LABELS,
			       .doc = "Labels, none of them the blank."),
		    LOSS_INPUT(INPUT_LENGTHS, .kind = LOSS_KIND_INDEX,
			       .shape = LOSS_SHAPE_SEQUENCES, .optional = true),
		    LOSS_INPUT(TARGET_LENGTHS, .kind = LOSS_KIND_INDEX,
			       .shape = LOSS_SHAPE_SEQUENCES, .optional = true)),
	LOSS_PARAMS(ctc_params,
		    LOSS_PARAM(ctc_params, blank, .init = 0, AT_LEAST(0),
			       .doc = "The class that stands for no label."),
		    LOSS_PARAM(ctc_params, zero_infinity,
			       .doc = "An infinite loss counts as 0, with a gradient of 0.")),
	.example = "\"logits\": [[[0.6, 0.3, 0.1]], [[0.2, 0.9, 0.4]], [[0.3, 0.2, 1.1]], [[0.8, "
		   "0.1, 0.2]]], \"targets\": [[1, 2]]",
	.ulp = 4,
	.impl = &(const struct loss_impl){.family = &loss_sequence_family},
};
#endif
