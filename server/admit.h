/*
 * What is decided before a body is read: is this request framed as it must be,
 * does its route exist, may this client ask (so often), is there room.
 */
#ifndef SERVER_ADMIT_H
#define SERVER_ADMIT_H

#include "coding.h"
#include "framing.h"
#include "server.h"

struct srv_admission {
	struct api_match match;
	struct srv_framing framing;
	enum srv_coding coding; /* of the body */
	bool is_admitted;       /* counts for --queue-requests */
};

/* Fills *admission as far as it gets. API_PROBLEM_NONE, or the problem with
 * *refusal filled; nothing is held then. */
enum api_problem srv_admission_check(struct srv *srv, const struct srv_address *peer,
				     const struct srv_head *head, struct srv_admission *admission,
				     struct srv_refusal *refusal);

#endif
