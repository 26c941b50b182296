/*
 * Asking the api as the server does, without a socket.
 *
 * Every answer is also appended to the file that LOSSD_REPLIES names, if it
 * names one, for check_replies.py to hold against the published schema.
 */
#ifndef TESTS_API_ASK_H
#define TESTS_API_ASK_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "api.h"

/* How the blocks of a call are run. */
enum schedule {
	ASK_FORWARD,
	ASK_BACKWARD,
	ASK_SHUFFLED, /* differently for each call */
	ASK_THREADS,  /* four, each taking the next block */
	ASK_SCHEDULES
};

struct answer {
	int status;
	enum api_problem problem;
	char content_type[96];
	char *text; /* with a NUL behind it */
	size_t bytes;
	json_t *json; /* NULL if the text is no JSON */
	struct api_outcome outcomes[32];
	size_t outcome_count;
	size_t steps;        /* how often api_call_next() said that there are blocks */
	size_t blocks;       /* of all steps */
	uint64_t peak_bytes; /* the most that the budget held */
};

/* An api with the default limits and a budget that no test exceeds by accident. */
struct api *ask_api(void);

/* A request with these headers.  The body need not end in a NUL. */
void ask_with(struct api *api, const char *method, const char *path, const char *body, size_t bytes,
	      const struct api_header *headers, size_t header_count, enum schedule schedule,
	      struct answer *answer);

/* The usual ones. */
void ask_get(const char *path, struct answer *answer);
void ask_post(const char *body, struct answer *answer);

void answer_free(struct answer *answer);

/* The value at a JSON pointer, NULL if there is none. */
const json_t *answer_at(const struct answer *answer, const char *pointer);

/* A number there; NaN and infinities also as the strings that stand for them.
 * Fails the test if there is none. */
double answer_number(const struct answer *answer, const char *pointer);

/* A string there; fails the test if there is none. */
const char *answer_string(const struct answer *answer, const char *pointer);

/* Fails the test, with the whole answer, unless it has this status. */
void answer_expect(const struct answer *answer, int status);

/* A file as malloc()ed text with a NUL behind it; NULL if it cannot be read. */
char *ask_file(const char *path, size_t *bytes);

#endif
