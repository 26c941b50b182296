/* Pieces of work, put together to blocks. */
#include "jobs.h"

void api_jobs_begin(struct api_jobs *jobs, struct api_arena *arena)
{
	jobs->arena = arena;
	jobs->count = jobs->blocks = 0;
	jobs->open_bytes = 0;
}

static bool make_room(struct api_jobs *jobs)
{
	if (jobs->count == jobs->room) {
		size_t room = jobs->room ? 2 * jobs->room : 8;
		void *list = api_arena_grow(jobs->arena, jobs->jobs, jobs->count, jobs->room, room,
					    sizeof *jobs->jobs);

		if (!list)
			return false;
		jobs->jobs = list;
		jobs->room = room;
	}
	if (jobs->blocks == jobs->starts_room) {
		size_t room = jobs->starts_room ? 2 * jobs->starts_room : 8;
		void *starts = api_arena_grow(jobs->arena, jobs->starts, jobs->blocks,
					      jobs->starts_room, room, sizeof *jobs->starts);

		if (!starts)
			return false;
		jobs->starts = starts;
		jobs->starts_room = room;
	}
	return true;
}

void api_jobs_add(struct api_jobs *jobs, api_job_fn *run, void *object, size_t part, uint64_t bytes)
{
	if (jobs->failed || !make_room(jobs)) {
		jobs->failed = true;
		return;
	}
	if (jobs->blocks == 0 || jobs->open_bytes >= API_JOB_BLOCK_BYTES) {
		jobs->starts[jobs->blocks++] = jobs->count;
		jobs->open_bytes = 0;
	}
	jobs->jobs[jobs->count++] = (struct api_job){run, object, part};
	jobs->open_bytes += bytes;
}

void api_jobs_run(const struct api_jobs *jobs, size_t block)
{
	size_t end = block + 1 < jobs->blocks ? jobs->starts[block + 1] : jobs->count;

	for (size_t i = jobs->starts[block]; i < end; i++)
		jobs->jobs[i].run(jobs->jobs[i].object, jobs->jobs[i].part);
}
