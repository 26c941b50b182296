/*
 * The pieces of work of one stage, put together to blocks: a large piece is a
 * block of its own, small ones share one, so that a batch of a thousand small
 * items does not cost a thousand handovers between threads.
 */
#ifndef API_JOBS_H
#define API_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

/* Work on a block when it comes to this much, roughly: tens of microseconds. */
enum { API_JOB_BLOCK_BYTES = 64 << 10 };

typedef void api_job_fn(void *object, size_t part);

struct api_job {
	api_job_fn *run;
	void *object;
	size_t part;
};

struct api_jobs {
	struct api_arena *arena;
	struct api_job *jobs;
	size_t count, room;
	size_t *starts; /* of each block */
	size_t blocks, starts_room;
	uint64_t open_bytes; /* of the last block */
	bool failed;
};

/* Starts a stage; the memory of an earlier one is used again. */
void api_jobs_begin(struct api_jobs *jobs, struct api_arena *arena);

/* run(object, part), which handles about `bytes` bytes. */
void api_jobs_add(struct api_jobs *jobs, api_job_fn *run, void *object, size_t part,
		  uint64_t bytes);

/* All of one block, on any thread. */
void api_jobs_run(const struct api_jobs *jobs, size_t block);

#endif
