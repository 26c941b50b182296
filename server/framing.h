/*
 * Where a request ends: what libmicrohttpd lets through and an attacker could
 * use to make it and a proxy disagree (request smuggling) is refused here.
 * Pure functions on the request's head.
 */
#ifndef SERVER_FRAMING_H
#define SERVER_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api.h"

enum { SRV_HEADERS_MAX = 100, SRV_HEAD_BYTES_MAX = 32 << 10, SRV_URI_BYTES_MAX = 8 << 10 };

/* A request's head as libmicrohttpd gives it; all text is borrowed. */
struct srv_head {
	const char *method, *path, *version;
	size_t uri_bytes;
	bool uri_has_space;
	struct api_header headers[SRV_HEADERS_MAX];
	size_t header_count; /* may be more than there is room for */
	size_t header_bytes; /* of all, with what stands around them */
	bool has_nul;        /* inside a name or a value */
};

/* Takes in one header. */
void srv_head_add(struct srv_head *head, const char *name, size_t name_bytes, const char *value,
		  size_t value_bytes);

/* The value of the first header of that name, NULL if there is none. */
const char *srv_head_find(const struct srv_head *head, const char *name);

struct srv_framing {
	enum { SRV_NO_BODY, SRV_BODY_LENGTH, SRV_BODY_CHUNKED } body;
	uint64_t length; /* of SRV_BODY_LENGTH */
};

/* Why a request is refused, enough for a problem document. */
struct srv_refusal {
	enum api_problem problem; /* API_PROBLEM_NONE: it is not */
	uint64_t limit, actual;   /* both 0: there is none */
	char detail[200];
};

/* The path of a request target, which may be a whole address (RFC 9112, 3.2.2). */
const char *srv_target_path(const char *target);

/* Returns `problem`. */
enum api_problem srv_refuse(struct srv_refusal *refusal, enum api_problem problem,
			    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Fills *framing, or *refusal with API_FRAMING, API_HEADERS_TOO_LARGE or
 * API_URI_TOO_LONG. Returns the problem. */
enum api_problem srv_framing_check(const struct srv_head *head, struct srv_framing *framing,
				   struct srv_refusal *refusal);

#endif
