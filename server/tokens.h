/*
 * Bearer tokens: a file with one token a line; empty lines and lines that begin
 * with # do not count.  Several tokens let one be replaced without a gap.
 *
 * THREADS.  Any: one lock inside.
 */
#ifndef SERVER_TOKENS_H
#define SERVER_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

enum { SRV_TOKENS_MAX = 64, SRV_TOKEN_BYTES_MAX = 512 };

struct srv_tokens;

/* The tokens of a file. NULL, with a sentence in `why`, if it cannot be read
 * or holds none. */
struct srv_tokens *srv_tokens_new(const char *path, char *why, size_t why_bytes);
void srv_tokens_free(struct srv_tokens *tokens);

/* Read the file again; on failure the tokens stay as they were. */
bool srv_tokens_reload(struct srv_tokens *tokens, char *why, size_t why_bytes);

/* Whether the value of an Authorization header (NULL: there is none) is "Bearer"
 * and one of the tokens. Takes the same time whichever it is and however much of
 * it is right. */
bool srv_tokens_accept(struct srv_tokens *tokens, const char *authorization);

#endif
