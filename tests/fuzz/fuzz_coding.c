/*
 * Any bytes as a compressed body: no crash, no more than the limit, a problem
 * that points into the body, every byte of memory given back.  And what the
 * encoder makes of any bytes reads back as them.
 *
 * The first byte chooses the coding.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coding.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES_MAX = 64 << 10 };

static struct api_budget budget = {.max = 32 << 20};

static void expect(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fuzz_coding: %s\n", what);
	abort();
}

static enum api_problem decode(enum srv_coding coding, const char *data, size_t size,
			       uint64_t bytes_max, struct srv_buffer *out)
{
	struct srv_decoder decoder;

	srv_decoder_init(&decoder, coding, data, size, bytes_max, out);
	while (srv_decoder_step(&decoder))
		;
	srv_decoder_release(&decoder);
	expect(decoder.refusal.problem == API_PROBLEM_NONE ||
		       decoder.refusal.problem == API_BAD_CODING ||
		       decoder.refusal.problem == API_BODY_TOO_LARGE,
	       "a problem there cannot be");
	expect(decoder.offset <= size, "the offset is outside");
	return decoder.refusal.problem;
}

static void take_apart(enum srv_coding coding, const char *data, size_t size)
{
	struct srv_buffer out = {.budget = &budget};

	if (decode(coding, data, size, BYTES_MAX, &out) == API_PROBLEM_NONE)
		expect(out.bytes <= BYTES_MAX, "more than the limit");
	srv_buffer_release(&out);
	expect(budget.used == 0, "memory is left");
}

static void there_and_back(enum srv_coding coding, const char *data, size_t size)
{
	/* Twice the bytes, so that there is something to gain, in odd slices. */
	struct api_slice slices[] = {{data, size}, {data, 0}, {data, size / 3}, {data, size}};
	struct api_reply reply = {.slices = slices, .slice_count = 4, .bytes = 2 * size + size / 3};
	struct srv_buffer packed = {.budget = &budget}, plain = {.budget = &budget};
	struct srv_encoder encoder;

	srv_encoder_init(&encoder, coding, &reply, &packed);
	while (srv_encoder_step(&encoder))
		;
	srv_encoder_release(&encoder);
	if (encoder.is_worth_it) {
		expect(!decode(coding, packed.data, packed.bytes, reply.bytes, &plain),
		       "it does not read back");
		expect(plain.bytes == reply.bytes && !memcmp(plain.data, data, size) &&
			       !memcmp(plain.data + size, data, size / 3) &&
			       !memcmp(plain.data + size + size / 3, data, size),
		       "it reads back as something else");
	}
	srv_buffer_release(&packed);
	srv_buffer_release(&plain);
	expect(budget.used == 0, "memory is left");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	enum srv_coding coding = data[0] & 1 ? SRV_ZSTD : SRV_GZIP;

	take_apart(coding, (const char *)data + 1, size - 1);
	there_and_back(coding, (const char *)data + 1, size - 1);
	return 0;
}
