#include "reading.h"

#include <stdio.h>
#include <string.h>

void reading_init(struct reading *r)
{
	*r = (struct reading){.budget.max = UINT64_C(1) << 30,
			      .memory.placement = MEMORY_GUARD_BEHIND};
#define X(member, init, doc) r->limits.member = init;
	API_LIMITS(X)
#undef X
	api_arena_init(&r->arena, &r->budget);
}

void reading_release(struct reading *r)
{
	if (r->doc.root)
		api_document_release(&r->doc);
	api_arena_release(&r->arena);
	memory_release(&r->memory);
	ck_assert_uint_eq(r->budget.used, 0);
}

enum api_problem reading_bytes(struct reading *r, const char *text, size_t bytes)
{
	char *copy = memory_take(&r->memory, bytes);
	memcpy(copy, text, bytes);
	if (r->doc.root)
		api_document_release(&r->doc);
	r->fault = (struct api_fault){0};
	return api_document_read(&r->doc, &r->arena, copy, bytes, &r->limits, &r->fault);
}

enum api_problem reading_text(struct reading *r, const char *text)
{
	return reading_bytes(r, text, strlen(text));
}

const struct api_array *reading_array(const struct reading *r, const char *name)
{
	const struct api_array *array =
		api_document_array(&r->doc, json_object_get(r->doc.root, name));
	ck_assert_ptr_nonnull(array);
	return array;
}

enum api_problem reading_numbers_of(struct reading *r, const struct api_array *array,
				    const char *path, enum loss_dtype dtype,
				    struct loss_tensor *tensor, struct api_read_stats *stats)
{
	void *out = memory_take(&r->memory, array->numbers * loss_dtype_bytes(dtype));
	r->fault = (struct api_fault){0};
	return api_array_read(&r->doc, array, dtype, out, &r->arena, path, tensor, stats,
			      &r->fault);
}

enum api_problem reading_numbers(struct reading *r, const char *name, enum loss_dtype dtype,
				 struct loss_tensor *tensor, struct api_read_stats *stats)
{
	char path[64];
	snprintf(path, sizeof(path), "/%s", name);
	return reading_numbers_of(r, reading_array(r, name), path, dtype, tensor, stats);
}

uint64_t reading_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}
