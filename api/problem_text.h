/* Problem documents (RFC 9457), private to api/. */
#ifndef API_PROBLEM_TEXT_H
#define API_PROBLEM_TEXT_H

#include "../lib/loss.h"
#include "fault.h"
#include "text.h"

/* `type` is this and the slug. */
#define API_PROBLEM_TYPE "urn:lossd:problem:"

/* Room for any problem document: every byte of detail (twice) and pointer may
 * need six when it is escaped. */
enum { API_PROBLEM_BYTES_MAX = 9 << 10 };

/* What a client is told where the library refuses. */
enum api_problem api_problem_of_loss(enum loss_code code);

/* The fault of an allocation that the arena refused. */
enum api_problem api_fault_memory(struct api_fault *fault, const struct api_arena *arena);

/* What to say of a name that no loss has. */
void api_unknown_loss(char *text, size_t bytes, const char *name);

/* The fault as a value of a JSON text. */
void api_problem_write(struct api_text *text, const struct api_fault *fault);

#endif
