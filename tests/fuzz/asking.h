/* A request of any bytes, for targets that fuzz a whole evaluation. */
#ifndef TESTS_FUZZ_ASKING_H
#define TESTS_FUZZ_ASKING_H

#include "api.h"

/* A reply, malloc()ed with a NUL behind it. */
struct asked {
	int status;
	enum api_problem problem;
	char *text;
	size_t bytes;
};

/* Ends the target where the condition does not hold. */
void asking_expect(bool condition, const char *what);

/* Asks twice, the second time with the blocks of work backwards: the replies
 * are the same, and all memory is given back.  Limits are small. */
struct asked asking_post(const char *path, const uint8_t *data, size_t size,
			 const struct api_header *headers, size_t header_count);

/* A problem with its status, or some other JSON object with status 200. */
void asking_check_json(const struct asked *asked);

#endif
