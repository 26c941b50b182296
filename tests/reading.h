/* What a test of documents and numbers needs around it: budget, arena, limits,
 * and the text in memory that ends at an unreadable page. */
#ifndef TESTS_READING_H
#define TESTS_READING_H

#include <check.h>

#include "document.h"
#include "memory.h"
#include "numbers.h"

/* ck_assert() tells its parent of every success, which takes longer than what is
 * tested here. */
#define EXPECT(condition, ...)                                                                     \
	do {                                                                                       \
		if (!(condition))                                                                  \
			ck_abort_msg(__VA_ARGS__);                                                 \
	} while (0)

struct reading {
	struct api_budget budget;
	struct api_arena arena;
	struct api_limits limits;
	struct api_document doc;
	struct api_fault fault;
	struct memory memory;
};

void reading_init(struct reading *r);

/* Fails the test if anything is still taken from the budget afterwards. */
void reading_release(struct reading *r);

/* Reads a document; the text is copied. */
enum api_problem reading_bytes(struct reading *r, const char *text, size_t bytes);
enum api_problem reading_text(struct reading *r, const char *text);

/* The array that member `name` of the document stands for; fails the test if
 * there is none. */
const struct api_array *reading_array(const struct reading *r, const char *name);

/* Reads that array, with "/<name>" as its path.  The room for the numbers is
 * exact and ends at an unreadable page. */
enum api_problem reading_numbers(struct reading *r, const char *name, enum loss_dtype dtype,
				 struct loss_tensor *tensor, struct api_read_stats *stats);

/* The same for an array that may be none of the document's own. */
enum api_problem reading_numbers_of(struct reading *r, const struct api_array *array,
				    const char *path, enum loss_dtype dtype,
				    struct loss_tensor *tensor, struct api_read_stats *stats);

/* The same numbers on every machine. */
uint64_t reading_random(uint64_t *seed);

#endif
