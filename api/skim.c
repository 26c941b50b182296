#include "skim.h"

#include "skim_block.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static const char *skip_space(const char *text, const char *end)
{
	while (text < end && is_space(*text))
		text++;
	return text;
}

/* ---- The beginning -------------------------------------------------------- */

static bool begins_with(const char *text, const char *end, const char *word)
{
	size_t bytes = strlen(word);
	return (size_t)(end - text) >= bytes && memcmp(text, word, bytes) == 0;
}

/* An array with this first leaf is one of numbers; so is one without a leaf. */
static bool begins_number(const char *leaf, const char *end)
{
	static const char *const strings[] = {"\"NaN\"", "\"Infinity\"", "\"-Infinity\""};

	if (leaf == end || *leaf == '\0')
		return false;
	if (strchr("-0123456789ntfNI]", *leaf))
		return true;
	for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++)
		if (begins_with(leaf, end, strings[i]))
			return true;
	return false;
}

void api_skim_start(struct api_skim_start *start, const char *text, const char *end,
		    uint64_t depth_max)
{
	*start = (struct api_skim_start){.leaf = text};
	while (start->leaf < end && *start->leaf == '[') {
		start->rank++;
		if ((uint64_t)start->rank > depth_max) {
			start->too_deep = true;
			return;
		}
		start->leaf = skip_space(start->leaf + 1, end);
	}
	start->lifted = begins_number(start->leaf, end);
}

/* ---- Strings -------------------------------------------------------------- */

const char *api_skim_string(const char *text, const char *end)
{
	for (text++; text < end; text++) {
		if (*text == '"')
			return text + 1;
		if (*text == '\\')
			text++;
	}
	return NULL;
}

struct string_state {
	bool inside, escaped; /* at the beginning of a block */
};

/* For each byte, whether the number of quotes up to and with it is odd. */
static uint64_t between_quotes(uint64_t quote)
{
	for (int shift = 1; shift < 64; shift *= 2)
		quote ^= quote << shift;
	return quote;
}

static uint64_t strings_with_escapes(const char *text, size_t bytes, struct string_state *state)
{
	uint64_t inside = 0;
	for (size_t i = 0; i < bytes; i++) {
		bool escaped = state->escaped;
		state->escaped = state->inside && !escaped && text[i] == '\\';
		if (text[i] == '"' && !escaped)
			state->inside = !state->inside;
		if (state->inside)
			inside |= UINT64_C(1) << i;
	}
	return inside;
}

/* Takes out of the block what stands inside strings. */
static void leave_out_strings(struct block *block, const char *text, size_t bytes,
			      struct string_state *state)
{
	uint64_t inside;
	if (state->escaped || memchr(text, '\\', bytes)) {
		inside = strings_with_escapes(text, bytes, state);
	} else {
		inside = between_quotes(block->quote) ^ (state->inside ? UINT64_MAX : 0);
		state->inside = inside >> 63;
	}
	block->comma &= ~inside;
	block->open &= ~inside;
	block->close &= ~inside;
}

/* ---- The structure -------------------------------------------------------- */

struct skim {
	struct api_array *array;
	struct api_arena *arena;
	const char *text;
	uint64_t depth, depth_max;
	uint64_t commas;

	/* The innermost array that is open, while no array inside it was. */
	bool innermost;
	const char *opened_at;
	uint64_t commas_at_open;

	int64_t items[LOSS_RANK_MAX + 1]; /* arrays closed so far in the open one, by depth */

	const char *next_cut;
	struct api_cut *cuts;
	size_t cut_room;
};

static void note_problem(struct skim *s, enum api_problem problem, const char *at)
{
	s->array->problem = problem;
	s->array->problem_offset = (uint64_t)(at - s->text);
}

/* Once something is wrong only the end of the array is looked for. */
static bool is_spoilt(const struct skim *s)
{
	return s->array->problem != API_PROBLEM_NONE;
}

static bool open_array(struct skim *s, const char *at)
{
	if (++s->depth > s->depth_max)
		return false;
	if (is_spoilt(s))
		return true;
	if (*at == '{') {
		note_problem(s, API_WRONG_TYPE, at);
	} else if (s->depth > LOSS_RANK_MAX) {
		note_problem(s, API_RANK, at);
	} else if (s->depth > (uint64_t)s->array->rank) {
		note_problem(s, API_RAGGED_ARRAY, at);
	} else {
		s->innermost = true;
		s->opened_at = at;
		s->commas_at_open = s->commas;
		s->items[s->depth] = 0;
	}
	return true;
}

static int64_t items_of_innermost(const struct skim *s, const char *at)
{
	uint64_t items = s->commas - s->commas_at_open + 1;
	if (items == 1 && skip_space(s->opened_at + 1, at) == at)
		return 0;
	return (int64_t)items;
}

static void close_array(struct skim *s, const char *at)
{
	uint64_t depth = s->depth--;
	if (is_spoilt(s))
		return;
	if (*at == '}') {
		note_problem(s, API_SYNTAX, at);
		return;
	}
	int64_t items = s->innermost ? items_of_innermost(s, at) : s->items[depth];
	int64_t *length = &s->array->shape[depth - 1];
	if (*length < 0)
		*length = items;
	else if (*length != items)
		note_problem(s, API_RAGGED_ARRAY, at);
	s->innermost = false;
	s->items[depth - 1]++;
}

/* ---- Cuts ----------------------------------------------------------------- */

static bool add_cut(struct skim *s, const char *at, uint64_t number)
{
	struct api_array *array = s->array;
	if (array->chunks == s->cut_room) {
		size_t room = s->cut_room ? 2 * s->cut_room : 1;
		struct api_cut *grown = api_arena_grow(s->arena, s->cuts, array->chunks,
						       s->cut_room, room, sizeof(*grown));
		if (!grown)
			return false;
		s->cuts = grown;
		s->cut_room = room;
	}
	s->cuts[array->chunks++] = (struct api_cut){
		.offset = (uint64_t)(at - s->text), .number = number, .depth = (int)s->depth};
	s->next_cut = at + API_CHUNK_BYTES;
	return true;
}

/* Cuts behind the next comma, if that comes before any bracket or quote: most
 * places are such, and the next block is another chance. */
static bool try_cut(struct skim *s, const char *at, const char *end)
{
	if (end - at > BLOCK_BYTES)
		end = at + BLOCK_BYTES;
	while (at < end && !strchr(",[]{}\"", *at))
		at++;
	if (at == end || *at != ',')
		return true;
	return add_cut(s, at + 1, s->commas + 1);
}

/* ---- The pass ------------------------------------------------------------- */

/* Without the instruction the compiler's own would be a call. */
static unsigned count_bits(uint64_t x)
{
	x -= x >> 1 & UINT64_C(0x5555555555555555);
	x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
	x = (x + (x >> 4)) & UINT64_C(0x0F0F0F0F0F0F0F0F);
	return (unsigned)(x * UINT64_C(0x0101010101010101) >> 56);
}

enum step { GO_ON, ARRAY_ENDS, TOO_DEEP };

/* Takes the brackets of a block in order; *at becomes the place where the
 * array ends or turns too deep. */
static enum step take_brackets(struct skim *s, const struct block *block, const char **at)
{
	const char *text = *at;
	uint64_t comma = block->comma;
	for (uint64_t left = block->open | block->close; left; left &= left - 1) {
		uint64_t bit = left & -left;
		s->commas += count_bits(comma & (bit - 1));
		comma &= ~(bit - 1);
		*at = text + __builtin_ctzll(left);
		if (block->open & bit) {
			if (!open_array(s, *at))
				return TOO_DEEP;
		} else {
			close_array(s, *at);
			if (s->depth == 0)
				return ARRAY_ENDS;
		}
	}
	s->commas += count_bits(comma);
	return GO_ON;
}

/* The array is over: what its numbers need. */
static void settle(struct skim *s, const char *stop)
{
	struct api_array *array = s->array;
	array->bytes = (size_t)(stop - s->text);
	array->numbers = s->commas + 1;
	for (int axis = 0; axis < array->rank; axis++)
		if (array->shape[axis] == 0)
			array->numbers = 0;
	if (array->numbers == 0)
		for (size_t i = 0; i < array->chunks; i++)
			s->cuts[i].number = 0;
	array->cuts = s->cuts;
}

static void begin(struct skim *s, const struct api_skim_start *start)
{
	s->array->rank = start->rank <= LOSS_RANK_MAX ? start->rank : LOSS_RANK_MAX;
	for (int axis = 0; axis < LOSS_RANK_MAX; axis++)
		s->array->shape[axis] = axis < s->array->rank ? -1 : 0;
}

enum api_skim_end api_skim_array(struct api_array *array, const char *text, const char *end,
				 const struct api_skim_start *start, uint64_t depth_max,
				 struct api_arena *arena, const char **stop)
{
	*array = (struct api_array){.text = text};
	if (end - text >= API_LOOKAHEAD_BYTES)
		array->fast = end - API_LOOKAHEAD_BYTES;
	struct skim s = {.array = array, .arena = arena, .text = text, .depth_max = depth_max};
	struct string_state strings = {false, false};

	begin(&s, start);
	if (!add_cut(&s, text, 0))
		return API_SKIM_NO_MEMORY;
	for (const char *at = text; at < end; at += BLOCK_BYTES) {
		size_t bytes = (size_t)(end - at);
		bool whole = bytes >= BLOCK_BYTES;
		struct block block = whole ? block_at(at) : block_of(at, bytes);

		if (at >= s.next_cut && !strings.inside && !is_spoilt(&s) && !try_cut(&s, at, end))
			return API_SKIM_NO_MEMORY;
		if (block.quote || strings.inside)
			leave_out_strings(&block, at, whole ? BLOCK_BYTES : bytes, &strings);
		if (!(block.open | block.close)) {
			s.commas += count_bits(block.comma);
			continue;
		}
		*stop = at;
		switch (take_brackets(&s, &block, stop)) {
		case GO_ON:
			break;
		case TOO_DEEP:
			return API_SKIM_TOO_DEEP;
		case ARRAY_ENDS:
			settle(&s, ++*stop);
			return API_SKIM_DONE;
		}
	}
	*stop = end;
	return API_SKIM_TRUNCATED;
}
