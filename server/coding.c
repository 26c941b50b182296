/*
 * gzip by zlib, zstd by libzstd, both behind a row of functions.
 *
 * Decompressing, happy path: step() by step() a window of the input becomes a
 * window of the output, until the last member (RFC 1952, 2.2) or frame (RFC 8878)
 * ends where the input does.
 *
 * Failures:
 *   not what the coding says, cut off, bytes behind   API_BAD_CODING
 *   more than bytes_max comes out                     API_BODY_TOO_LARGE; where
 *                                                     the data say so themselves,
 *                                                     nothing is kept of them
 *   no memory                                         API_MEMORY_FULL, or
 *                                                     API_TOO_MUCH_MEMORY if there
 *                                                     never will be
 *
 * Compressing has no failures: the reply is sent as it is.
 */
#include "coding.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum {
	WINDOW_IN = 256 << 10,
	WINDOW_OUT = 1 << 20,
	/* The fastest levels, for both make three fifths of the bytes of JSON go away
	 * at 107 (gzip) and 338 MB/s (zstd); gzip's level 6 gains a sixth of what is
	 * left and has 18 MB/s. */
	GZIP_LEVEL = 1,
	ZSTD_LEVEL = 1,
	ZSTD_WINDOW_BITS_MAX = 23,  /* 8 MB: RFC 9659 */
	GZIP_BITS = MAX_WBITS + 16, /* gzip's header and trailer */
	INFLATE_BYTES = 48 << 10,   /* 1 << MAX_WBITS and some */
	DEFLATE_BYTES = 272 << 10,  /* twice 1 << 17 and some: zconf.h */
	GZIP_MEMBER_BYTES_MIN = 18, /* header and trailer */
	EXPANSION_MAX = 1032,       /* of deflate */
	SAMPLE_BYTES = 256 << 10,   /* of a reply, which shows whether it shrinks */
};

/* ---- Names ---------------------------------------------------------------- */

struct name {
	const char *text;
	enum srv_coding coding;
};

static const struct name names[] = {
	{"zstd", SRV_ZSTD}, /* the first is liked best */
	{"gzip", SRV_GZIP},
	{"x-gzip", SRV_GZIP},
	{"identity", SRV_IDENTITY},
};

enum { NAME_COUNT = sizeof names / sizeof *names };

const char *srv_coding_name(enum srv_coding coding)
{
	for (size_t i = 0; i < NAME_COUNT; i++)
		if (names[i].coding == coding)
			return names[i].text;
	return "";
}

/* What stands between commas and semicolons, without the space around it. */
struct token {
	const char *text;
	size_t length;
};

static bool is(const struct token *token, const char *text)
{
	return strlen(text) == token->length && strncasecmp(token->text, text, token->length) == 0;
}

static const struct name *name_find(const struct token *token)
{
	for (size_t i = 0; i < NAME_COUNT; i++)
		if (is(token, names[i].text))
			return &names[i];
	return NULL;
}

/* The next token that is not empty, up to one of `ends`; *text moves behind it. */
static bool token_next(const char **text, const char *ends, struct token *token)
{
	*text += strspn(*text, " \t,");
	*token = (struct token){*text, strcspn(*text, ends)};
	*text += token->length;
	while (token->length > 0 && isspace((unsigned char)token->text[token->length - 1]))
		token->length--;
	return token->length > 0;
}

enum api_problem srv_coding_check(const struct srv_head *head, enum srv_coding *coding,
				  struct srv_refusal *refusal)
{
	size_t found = 0;

	*coding = SRV_IDENTITY;
	refusal->problem = API_PROBLEM_NONE;
	for (size_t i = 0; i < head->header_count && i < SRV_HEADERS_MAX; i++) {
		const char *text = head->headers[i].value;
		struct token token;

		if (strcasecmp(head->headers[i].name, "Content-Encoding") != 0)
			continue;
		while (token_next(&text, ",", &token)) {
			const struct name *name = name_find(&token);

			if (!name)
				return srv_refuse(refusal, API_CODING,
						  "Content-Encoding is \"%.*s\", expected one "
						  "of " SRV_CODINGS,
						  (int)(token.length < 40 ? token.length : 40),
						  token.text);
			if (name->coding == SRV_IDENTITY)
				continue;
			if (found++)
				return srv_refuse(refusal, API_CODING,
						  "Content-Encoding has more than one coding, "
						  "expected one of " SRV_CODINGS);
			*coding = name->coding;
		}
	}
	return API_PROBLEM_NONE;
}

/* ---- What a client likes -------------------------------------------------- */

enum { Q_UNKNOWN = -1, Q_MAX = 1000 };

/* "q=0.5" in thousandths; what cannot be read is 1, as if it were not there. */
static int quality_read(const struct token *token)
{
	int q = Q_MAX;
	const char *digit;

	if (token->length < 3 || strncasecmp(token->text, "q=", 2) != 0)
		return q;
	if (token->text[2] != '0')
		return q;
	q = 0;
	digit = token->text + 3;
	if (token->length > 3 && *digit++ == '.')
		for (int unit = 100; unit > 0 && isdigit((unsigned char)*digit); unit /= 10)
			q += unit * (*digit++ - '0');
	return q;
}

/* One header: "gzip;q=0.8, *;q=0". */
static void accept_read(const char *text, int q[SRV_CODING_COUNT], int *q_others)
{
	struct token coding, parameter;

	while (token_next(&text, ",;", &coding)) {
		const struct name *name = name_find(&coding);
		int quality = Q_MAX;

		while (*text == ';') {
			text++;
			if (token_next(&text, ",;", &parameter))
				quality = quality_read(&parameter);
		}
		if (is(&coding, "*"))
			*q_others = quality;
		else if (name)
			q[name->coding] = quality;
	}
}

enum srv_coding srv_coding_choose(const struct api_header *headers, size_t count)
{
	int q[SRV_CODING_COUNT], q_others = Q_UNKNOWN, best_q = 0;
	enum srv_coding best = SRV_IDENTITY;

	for (int i = 0; i < SRV_CODING_COUNT; i++)
		q[i] = Q_UNKNOWN;
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(headers[i].name, "Accept-Encoding") == 0)
			accept_read(headers[i].value, q, &q_others);
	for (size_t i = 0; i < NAME_COUNT; i++) {
		enum srv_coding coding = names[i].coding;
		int quality = q[coding] != Q_UNKNOWN ? q[coding] : q_others;

		/* Plain is always acceptable, but not liked unless named. */
		if (coding == SRV_IDENTITY && q[coding] == Q_UNKNOWN)
			quality = 0;
		if (quality > best_q) {
			best = coding;
			best_q = quality;
		}
	}
	return best;
}

/* ---- The libraries -------------------------------------------------------- */

struct srv_coder {
	z_stream zlib;
	ZSTD_DCtx *unzstd;
	ZSTD_CCtx *zstd;
};

struct window {
	const char *in;
	size_t in_bytes;
	char *out;
	size_t out_bytes;
	bool is_last; /* of the input, when compressing */
};

enum outcome { MORE, ENDED, BAD };

/* Each moves the window on. */
struct library {
	bool (*decode_begin)(struct srv_coder *coder);
	enum outcome (*decode)(struct srv_coder *coder, struct window *window, const char **why);
	void (*decode_end)(struct srv_coder *coder);
	uint64_t (*decode_memory)(const struct srv_coder *coder);
	/* The bytes that will come out, as far as the data say; or 0. */
	uint64_t (*says)(const char *data, uint64_t bytes);

	bool (*encode_begin)(struct srv_coder *coder, uint64_t bytes);
	enum outcome (*encode)(struct srv_coder *coder, struct window *window);
	void (*encode_end)(struct srv_coder *coder);
	uint64_t (*encode_memory)(const struct srv_coder *coder);
};

static void zlib_open(struct srv_coder *coder, const struct window *window)
{
	coder->zlib.next_in = (const Bytef *)window->in;
	coder->zlib.avail_in = (uInt)window->in_bytes;
	coder->zlib.next_out = (Bytef *)window->out;
	coder->zlib.avail_out = (uInt)window->out_bytes;
}

static void zlib_close(const struct srv_coder *coder, struct window *window)
{
	window->in = (const char *)coder->zlib.next_in;
	window->in_bytes = coder->zlib.avail_in;
	window->out = (char *)coder->zlib.next_out;
	window->out_bytes = coder->zlib.avail_out;
}

static bool inflate_begin(struct srv_coder *coder)
{
	return inflateInit2(&coder->zlib, GZIP_BITS) == Z_OK;
}

static enum outcome inflate_some(struct srv_coder *coder, struct window *window, const char **why)
{
	int got;

	zlib_open(coder, window);
	got = inflate(&coder->zlib, Z_NO_FLUSH);
	zlib_close(coder, window);
	*why = coder->zlib.msg ? coder->zlib.msg : "it cannot be read";
	if (got == Z_STREAM_END)
		inflateReset(&coder->zlib); /* for another member */
	return got == Z_STREAM_END ? ENDED : got == Z_OK || got == Z_BUF_ERROR ? MORE : BAD;
}

static void inflate_end(struct srv_coder *coder)
{
	inflateEnd(&coder->zlib);
}

static uint64_t inflate_memory(const struct srv_coder *coder)
{
	(void)coder;
	return INFLATE_BYTES;
}

/* The end of the last member: its size modulo 2^32. */
static uint64_t gzip_says(const char *data, uint64_t bytes)
{
	const unsigned char *end = (const unsigned char *)data + bytes;

	if (bytes < GZIP_MEMBER_BYTES_MIN)
		return 0;
	return (uint64_t)end[-4] | (uint64_t)end[-3] << 8 | (uint64_t)end[-2] << 16 |
	       (uint64_t)end[-1] << 24;
}

static bool deflate_begin(struct srv_coder *coder, uint64_t bytes)
{
	(void)bytes;
	return deflateInit2(&coder->zlib, GZIP_LEVEL, Z_DEFLATED, GZIP_BITS, 8,
			    Z_DEFAULT_STRATEGY) == Z_OK;
}

static enum outcome deflate_some(struct srv_coder *coder, struct window *window)
{
	int got;

	zlib_open(coder, window);
	got = deflate(&coder->zlib, window->is_last ? Z_FINISH : Z_NO_FLUSH);
	zlib_close(coder, window);
	return got == Z_STREAM_END ? ENDED : got == Z_OK || got == Z_BUF_ERROR ? MORE : BAD;
}

static void deflate_end(struct srv_coder *coder)
{
	deflateEnd(&coder->zlib);
}

static uint64_t deflate_memory(const struct srv_coder *coder)
{
	(void)coder;
	return DEFLATE_BYTES;
}

static bool unzstd_begin(struct srv_coder *coder)
{
	coder->unzstd = ZSTD_createDCtx();
	return coder->unzstd && !ZSTD_isError(ZSTD_DCtx_setParameter(
					coder->unzstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_BITS_MAX));
}

static enum outcome unzstd_some(struct srv_coder *coder, struct window *window, const char **why)
{
	ZSTD_inBuffer in = {window->in, window->in_bytes, 0};
	ZSTD_outBuffer out = {window->out, window->out_bytes, 0};
	size_t got = ZSTD_decompressStream(coder->unzstd, &out, &in);

	window->in += in.pos;
	window->in_bytes -= in.pos;
	window->out += out.pos;
	window->out_bytes -= out.pos;
	if (!ZSTD_isError(got))
		return got == 0 ? ENDED : MORE;
	*why = ZSTD_getErrorCode(got) == ZSTD_error_frameParameter_windowTooLarge
		       ? "its window is larger than 8 MB"
		       : ZSTD_getErrorName(got);
	return BAD;
}

static void unzstd_end(struct srv_coder *coder)
{
	ZSTD_freeDCtx(coder->unzstd);
}

static uint64_t unzstd_memory(const struct srv_coder *coder)
{
	return ZSTD_sizeof_DCtx(coder->unzstd);
}

static uint64_t zstd_says(const char *data, uint64_t bytes)
{
	unsigned long long says = ZSTD_getFrameContentSize(data, bytes);

	return says == ZSTD_CONTENTSIZE_UNKNOWN || says == ZSTD_CONTENTSIZE_ERROR ? 0 : says;
}

static bool zstd_begin(struct srv_coder *coder, uint64_t bytes)
{
	coder->zstd = ZSTD_createCCtx();
	return coder->zstd &&
	       !ZSTD_isError(
		       ZSTD_CCtx_setParameter(coder->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL)) &&
	       !ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(coder->zstd, bytes));
}

static enum outcome zstd_some(struct srv_coder *coder, struct window *window)
{
	ZSTD_inBuffer in = {window->in, window->in_bytes, 0};
	ZSTD_outBuffer out = {window->out, window->out_bytes, 0};
	size_t got = ZSTD_compressStream2(coder->zstd, &out, &in,
					  window->is_last ? ZSTD_e_end : ZSTD_e_continue);

	window->in += in.pos;
	window->in_bytes -= in.pos;
	window->out += out.pos;
	window->out_bytes -= out.pos;
	if (ZSTD_isError(got))
		return BAD;
	return window->is_last && got == 0 ? ENDED : MORE;
}

static void zstd_end(struct srv_coder *coder)
{
	ZSTD_freeCCtx(coder->zstd);
}

static uint64_t zstd_memory(const struct srv_coder *coder)
{
	return ZSTD_sizeof_CCtx(coder->zstd);
}

static const struct library libraries[SRV_CODING_COUNT] = {
	[SRV_GZIP] = {inflate_begin, inflate_some, inflate_end, inflate_memory, gzip_says,
		      deflate_begin, deflate_some, deflate_end, deflate_memory},
	[SRV_ZSTD] = {unzstd_begin, unzstd_some, unzstd_end, unzstd_memory, zstd_says, zstd_begin,
		      zstd_some, zstd_end, zstd_memory},
};

/* Count what a library holds by now. */
static bool charge(struct api_budget *budget, uint64_t *charged, uint64_t bytes)
{
	if (bytes > *charged && !api_budget_take(budget, bytes - *charged))
		return false;
	*charged = bytes > *charged ? bytes : *charged;
	return true;
}

/* ---- Decompressing -------------------------------------------------------- */

static bool end_memory(struct srv_decoder *decoder, uint64_t needed)
{
	const struct api_budget *budget = decoder->out->budget;

	if (needed > budget->max || decoder->bytes > budget->max - needed)
		srv_refuse(&decoder->refusal, API_TOO_MUCH_MEMORY,
			   "the body and what it stands for need more memory than all requests "
			   "together may hold");
	else
		srv_refuse(&decoder->refusal, API_MEMORY_FULL,
			   "the memory for requests is in use; try again later");
	return false;
}

static bool end_bad(struct srv_decoder *decoder, const char *where, const char *why)
{
	srv_refuse(&decoder->refusal, API_BAD_CODING, "byte %llu of %llu of the %s body: %s%s",
		   (unsigned long long)decoder->used, (unsigned long long)decoder->bytes,
		   srv_coding_name(decoder->coding), where, why);
	decoder->offset = decoder->used;
	return false;
}

static bool end_large(struct srv_decoder *decoder)
{
	srv_refuse(&decoder->refusal, API_BODY_TOO_LARGE,
		   "decompressed, the body has more than %llu bytes, which is the limit",
		   (unsigned long long)decoder->bytes_max);
	decoder->refusal.limit = decoder->bytes_max;
	decoder->refusal.actual = decoder->made;
	return false;
}

void srv_decoder_init(struct srv_decoder *decoder, enum srv_coding coding, const char *data,
		      uint64_t bytes, uint64_t bytes_max, struct srv_buffer *out)
{
	*decoder = (struct srv_decoder){
		.data = data,
		.bytes = bytes,
		.bytes_max = bytes_max,
		.out = out,
		.coding = coding,
	};
}

/* What the data say of themselves is a hint: it may be a lie, so no more memory
 * is taken at once than could really come out. */
static bool begin(struct srv_decoder *decoder)
{
	const struct library *library = &libraries[decoder->coding];
	uint64_t says = library->says(decoder->data, decoder->bytes);
	uint64_t most = decoder->bytes < UINT64_MAX / EXPANSION_MAX ? decoder->bytes * EXPANSION_MAX
								    : UINT64_MAX;

	decoder->is_void = says > decoder->bytes_max;
	decoder->coder = calloc(1, sizeof *decoder->coder);
	if (!decoder->coder || !library->decode_begin(decoder->coder))
		return end_memory(decoder, 0);
	if (says > 0 && says <= most && !decoder->is_void &&
	    !srv_buffer_resize(decoder->out, says + 1))
		return end_memory(decoder, says + 1);
	return true;
}

/* Room for something; one byte above the limit shows that it is passed. */
static bool make_room(struct srv_decoder *decoder)
{
	struct srv_buffer *out = decoder->out;

	if (decoder->is_void)
		out->bytes = 0;
	if (out->bytes < out->room)
		return true;
	if (srv_buffer_grow(out, out->bytes + 1, decoder->bytes_max + 1))
		return true;
	return end_memory(decoder, out->bytes + 1);
}

static bool finish(struct srv_decoder *decoder)
{
	if (decoder->is_void)
		return end_bad(decoder, "", "it is not of the size that it says");
	/* What was taken in vain goes back; less is no harm. */
	srv_buffer_resize(decoder->out, decoder->out->bytes);
	return false;
}

static size_t at_most(uint64_t bytes, size_t most)
{
	return bytes < most ? (size_t)bytes : most;
}

static enum outcome decode_some(struct srv_decoder *decoder, const char **why)
{
	struct srv_buffer *out = decoder->out;
	struct window window = {
		.in = decoder->data + decoder->used,
		.in_bytes = at_most(decoder->bytes - decoder->used, WINDOW_IN),
		.out = out->data + out->bytes,
		.out_bytes = at_most(out->room - out->bytes, WINDOW_OUT),
	};
	enum outcome outcome = libraries[decoder->coding].decode(decoder->coder, &window, why);
	uint64_t bytes = (uint64_t)(window.out - out->data);

	decoder->used = (uint64_t)(window.in - decoder->data);
	decoder->made += bytes - out->bytes;
	out->bytes = bytes;
	return outcome;
}

bool srv_decoder_step(struct srv_decoder *decoder)
{
	const struct library *library = &libraries[decoder->coding];
	uint64_t used = decoder->used, made = decoder->made;
	enum outcome outcome;
	const char *why;

	if (!decoder->coder && !begin(decoder))
		return false;
	if (decoder->between && decoder->used == decoder->bytes)
		return finish(decoder);
	if (!make_room(decoder))
		return false;
	outcome = decode_some(decoder, &why);
	if (outcome == BAD && decoder->between)
		decoder->used = used;
	if (outcome == BAD)
		return end_bad(decoder, decoder->between ? "behind its end: " : "", why);
	if (decoder->made > decoder->bytes_max)
		return end_large(decoder);
	if (!charge(decoder->out->budget, &decoder->charged,
		    library->decode_memory(decoder->coder)))
		return end_memory(decoder, decoder->out->room);
	if (outcome == MORE && decoder->used == used && decoder->made == made)
		return end_bad(decoder, "", "it ends in the middle");
	decoder->between = outcome == ENDED;
	return true;
}

void srv_decoder_release(struct srv_decoder *decoder)
{
	if (decoder->coder)
		libraries[decoder->coding].decode_end(decoder->coder);
	free(decoder->coder);
	api_budget_give(decoder->out->budget, decoder->charged);
}

/* ---- Compressing ---------------------------------------------------------- */

void srv_encoder_init(struct srv_encoder *encoder, enum srv_coding coding,
		      const struct api_reply *reply, struct srv_buffer *out)
{
	*encoder = (struct srv_encoder){.reply = reply, .out = out, .coding = coding};
}

/* An eighth is to be gained, or the client's work is not worth it. */
static uint64_t worth(uint64_t bytes)
{
	return bytes - bytes / 8;
}

static bool begin_encoding(struct srv_encoder *encoder)
{
	const struct library *library = &libraries[encoder->coding];

	encoder->coder = calloc(1, sizeof *encoder->coder);
	return encoder->coder && library->encode_begin(encoder->coder, encoder->reply->bytes) &&
	       srv_buffer_resize(encoder->out, encoder->reply->bytes / 2 + 1);
}

bool srv_encoder_step(struct srv_encoder *encoder)
{
	const struct library *library = &libraries[encoder->coding];
	const struct api_reply *reply = encoder->reply;
	struct srv_buffer *out = encoder->out;
	const struct api_slice *slice;
	struct window window;
	enum outcome outcome;
	uint64_t taken;

	if (!encoder->coder && !begin_encoding(encoder))
		return false;
	while (encoder->slice + 1 < reply->slice_count &&
	       encoder->at == reply->slices[encoder->slice].bytes) {
		encoder->slice++;
		encoder->at = 0;
	}
	if (out->bytes == out->room && (out->room >= worth(reply->bytes) ||
					!srv_buffer_grow(out, out->bytes + 1, worth(reply->bytes))))
		return false;
	slice = &reply->slices[encoder->slice];
	window = (struct window){
		.in = slice->data + encoder->at,
		.in_bytes = at_most(slice->bytes - encoder->at, WINDOW_IN),
		.out = out->data + out->bytes,
		.out_bytes = at_most(out->room - out->bytes, UINT_MAX),
	};
	window.is_last = encoder->taken + window.in_bytes == reply->bytes;
	outcome = library->encode(encoder->coder, &window);
	taken = (uint64_t)(window.in - slice->data) - encoder->at;
	encoder->at += taken;
	encoder->taken += taken;
	out->bytes = (uint64_t)(window.out - out->data);
	if (outcome == BAD ||
	    !charge(out->budget, &encoder->charged, library->encode_memory(encoder->coder)))
		return false;
	encoder->is_worth_it = outcome == ENDED;
	return outcome == MORE &&
	       (encoder->taken < SAMPLE_BYTES || out->bytes <= worth(encoder->taken));
}

void srv_encoder_release(struct srv_encoder *encoder)
{
	if (encoder->coder)
		libraries[encoder->coding].encode_end(encoder->coder);
	free(encoder->coder);
	api_budget_give(encoder->out->budget, encoder->charged);
	if (encoder->is_worth_it)
		srv_buffer_resize(encoder->out, encoder->out->bytes);
	else
		srv_buffer_release(encoder->out);
}
