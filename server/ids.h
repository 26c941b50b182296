/* Names of a request for the log: its own id, and the trace it belongs to. */
#ifndef SERVER_IDS_H
#define SERVER_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SRV_REQUEST_ID_BYTES = 65, SRV_TRACE_ID_BYTES = 33 };

/* The client's X-Request-Id if it is one (letters, digits and ._:- only, at most
 * 64), else one made of `random`. */
void srv_request_id(char id[SRV_REQUEST_ID_BYTES], const char *given, uint64_t random);

/* The trace id of a W3C traceparent header, "" if there is none or it is not
 * well-formed (which is no error: the trace starts afresh). */
void srv_trace_id(char id[SRV_TRACE_ID_BYTES], const char *traceparent);

#endif
