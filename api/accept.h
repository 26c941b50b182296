/* What a client would rather have: the Accept header (RFC 9110, 12.5.1). */
#ifndef API_ACCEPT_H
#define API_ACCEPT_H

#include <stdbool.h>

/* Whether an Accept header names `type` and likes it no less than `usual`, which
 * a range such as "*" "/" "*" names as well.  NULL or "" accepts the usual one. */
bool api_accept_prefers(const char *accept, const char *type, const char *usual);

#endif
