/*
 * Content codings (RFC 9110, 8.4): which one a body has, which one a reply may
 * have, and the work itself, in slices, so that whoever does it can be called
 * off.  Pure but for memory, which is counted in a budget.
 */
#ifndef SERVER_CODING_H
#define SERVER_CODING_H

#include "buffer.h"
#include "framing.h"

enum srv_coding { SRV_IDENTITY, SRV_GZIP, SRV_ZSTD, SRV_CODING_COUNT };

/* What a client may send, for Accept-Encoding of a 415 (RFC 7694). */
#define SRV_CODINGS "zstd, gzip"

/* Replies of fewer bytes stay plain.  For 4 KiB of JSON gzip takes 70 us to save
 * 2.1 KiB, nearly all of it for beginning at all; zstd takes 20 us. */
enum { SRV_CODED_BYTES_MIN = 4 << 10 };

/* As in Content-Encoding. */
const char *srv_coding_name(enum srv_coding coding);

/* The coding of a request's body. API_CODING, with *refusal filled, for one that
 * is not known, or more than one. */
enum api_problem srv_coding_check(const struct srv_head *head, enum srv_coding *coding,
				  struct srv_refusal *refusal);

/* The coding that a client likes best of those that there are, by its
 * Accept-Encoding; SRV_IDENTITY if it names none of them. */
enum srv_coding srv_coding_choose(const struct api_header *headers, size_t count);

struct srv_coder; /* state of the library that does it */

/* A body being decompressed. */
struct srv_decoder {
	const char *data;
	uint64_t bytes, used;
	uint64_t bytes_max;
	struct srv_buffer *out;
	struct srv_refusal refusal; /* its problem: API_PROBLEM_NONE, or why it ended */
	uint64_t offset;            /* into the data, of API_BAD_CODING */

	/* private */
	struct srv_coder *coder;
	enum srv_coding coding;
	uint64_t charged;
	uint64_t made; /* bytes that came out */
	bool between;  /* members: the end of one has just been seen */
	bool is_void;  /* too large, as it says itself: nothing is kept */
};

/* `data` is what the client sent; `out` is empty and gets what it stands for, at
 * most `bytes_max`.  `data` and `out` are borrowed. */
void srv_decoder_init(struct srv_decoder *decoder, enum srv_coding coding, const char *data,
		      uint64_t bytes, uint64_t bytes_max, struct srv_buffer *out);

/* A slice of the work, some milliseconds at most. False when it has ended, well
 * or with a problem: API_BAD_CODING, API_BODY_TOO_LARGE, API_MEMORY_FULL. */
bool srv_decoder_step(struct srv_decoder *decoder);

void srv_decoder_release(struct srv_decoder *decoder);

/* A reply being compressed. */
struct srv_encoder {
	const struct api_reply *reply;
	struct srv_buffer *out;
	bool is_worth_it; /* at the end: `out` holds the body */

	/* private */
	struct srv_coder *coder;
	enum srv_coding coding;
	uint64_t charged;
	size_t slice;   /* that is next to be read */
	uint64_t at;    /* in it */
	uint64_t taken; /* of all slices */
};

void srv_encoder_init(struct srv_encoder *encoder, enum srv_coding coding,
		      const struct api_reply *reply, struct srv_buffer *out);

/* A slice of the work. False when it has ended: with the reply compressed, or
 * without memory, or with nothing gained worth the time. */
bool srv_encoder_step(struct srv_encoder *encoder);

void srv_encoder_release(struct srv_encoder *encoder);

#endif
