/* Every problem a client can be told of: one list. */
#ifndef API_PROBLEM_H
#define API_PROBLEM_H

/* X(enum name, slug, HTTP status, title) */
#define API_PROBLEMS(X)                                                                            \
	X(PROBLEM_NONE, "", 200, "")                                                               \
	X(SYNTAX, "syntax_error", 400, "The document cannot be read")                              \
	X(DUPLICATE_MEMBER, "duplicate_member", 400, "A member stands twice in one object")        \
	X(TOO_DEEP, "too_deep", 400, "The document is nested too deeply")                          \
	X(TOO_MANY_MEMBERS, "too_many_members", 400, "An object has too many members")             \
	X(STRING_TOO_LONG, "string_too_long", 400, "A string is too long")                         \
	X(FRAMING, "bad_framing", 400, "The request is not framed as HTTP demands")                \
	X(BAD_CODING, "bad_coding", 400, "The body is not what its content coding says")           \
	X(BINARY_SIZE, "binary_size", 400, "The binary tensors do not fill the body exactly")      \
	X(TENSOR_GAP, "tensor_gap", 400, "Bytes of the file belong to no tensor")                  \
	X(TENSOR_OVERLAP, "tensor_overlap", 400, "Two tensors of the file share bytes")            \
	X(UNAUTHORIZED, "unauthorized", 401, "A token is required")                                \
	X(NOT_FOUND_ROUTE, "route_not_found", 404, "There is no such route")                       \
	X(NOT_FOUND_LOSS, "loss_not_found", 404, "There is no such loss")                          \
	X(METHOD_NOT_ALLOWED, "method_not_allowed", 405, "The route has other methods")            \
	X(REQUEST_TIMEOUT, "request_timeout", 408, "The request took too long to arrive")          \
	X(BODY_TOO_LARGE, "body_too_large", 413, "The body is too large")                          \
	X(TENSOR_HEADER, "tensor_header_too_large", 413, "The header of the file is too large")    \
	X(TOO_MANY_ELEMENTS, "too_many_elements", 413, "The request holds too many numbers")       \
	X(TOO_MUCH_MEMORY, "too_much_memory", 413, "The request needs too much memory")            \
	X(URI_TOO_LONG, "uri_too_long", 414, "The URI is too long")                                \
	X(MEDIA_TYPE, "unsupported_media_type", 415, "The media type is not supported")            \
	X(CODING, "unsupported_coding", 415, "The content coding is not supported")                \
	X(HEADERS_TOO_LARGE, "headers_too_large", 431, "The header block is too large")            \
	X(UNKNOWN_MEMBER, "unknown_member", 422, "There is no such member")                        \
	X(UNKNOWN_PARAMETER, "unknown_parameter", 422, "The loss has no such parameter")           \
	X(MISSING_MEMBER, "missing_member", 422, "A required member is missing")                   \
	X(MISSING_INPUT, "missing_input", 422, "A required input is missing")                      \
	X(CONFLICTING_INPUTS, "conflicting_inputs", 422, "Two members stand for one thing")        \
	X(WRONG_TYPE, "wrong_type", 422, "A member has the wrong type")                            \
	X(OUT_OF_RANGE, "out_of_range", 422, "A value is out of range")                            \
	X(RAGGED_ARRAY, "ragged_array", 422, "An array is ragged")                                 \
	X(RANK, "rank_too_large", 422, "A tensor has too many axes")                               \
	X(SHAPE_MISMATCH, "shape_mismatch", 422, "Shapes do not fit")                              \
	X(NOT_DIFFERENTIABLE, "not_differentiable", 422, "That input has no gradient")             \
	X(TARGET_OUT_OF_RANGE, "target_out_of_range", 422, "A class index is out of range")        \
	X(TARGET_NOT_INTEGER, "target_not_integer", 422, "A class index is not an integer")        \
	X(PROB_OUT_OF_RANGE, "prob_out_of_range", 422, "A probability lies outside [0, 1]")        \
	X(EMPTY_BATCH, "empty_batch", 422, "The mean of nothing was asked for")                    \
	X(MASKED_ROW, "all_masked_row", 422, "A row is fully masked")                              \
	X(NONFINITE_RESULT, "nonfinite_result", 422, "The result is not finite")                   \
	X(QUOTA, "quota_exceeded", 429, "The client exceeds its share")                            \
	X(CANCELLED, "cancelled", 499, "The client went away")                                     \
	X(INTERNAL, "internal_error", 500, "A bug in lossd")                                       \
	X(QUEUE_FULL, "queue_full", 503, "The queue is full")                                      \
	X(MEMORY_FULL, "memory_full", 503, "The memory for requests is in use")                    \
	X(DRAINING, "draining", 503, "The server is shutting down")                                \
	X(DEADLINE, "deadline_exceeded", 504, "The deadline has passed")

enum api_problem {
#define X(name, slug, status, title) API_##name,
	API_PROBLEMS(X)
#undef X
		API_PROBLEM_COUNT
};

int api_problem_status(enum api_problem problem);
const char *api_problem_slug(enum api_problem problem);
const char *api_problem_title(enum api_problem problem);

#endif
