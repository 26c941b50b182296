/*
 * Any bytes as a safetensors file: no crash, no read beyond it, never a bug
 * (500).  The reply is a problem, or a file whose header names every byte behind
 * it exactly once, in order.
 */
#include <stdlib.h>
#include <string.h>

#include "asking.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t bytes_of(const char *dtype)
{
	return !strcmp(dtype, "F32") ? 4 : !strcmp(dtype, "F64") ? 8 : 0;
}

/* The end of a tensor that begins at `begin`. */
static json_int_t check_tensor(json_t *tensor, json_int_t begin)
{
	json_int_t first, last;
	const char *dtype;
	json_t *shape;

	asking_expect(!json_unpack(tensor, "{s:s, s:o, s:[I,I] !}", "dtype", &dtype, "shape",
				   &shape, "data_offsets", &first, &last),
		      "a tensor is not what it should be");

	json_int_t bytes = (json_int_t)bytes_of(dtype);
	for (size_t i = 0; i < json_array_size(shape); i++)
		bytes *= json_integer_value(json_array_get(shape, i));
	asking_expect(bytes_of(dtype) > 0 && first == begin && last - first == bytes,
		      "a tensor is not where it should be");
	return last;
}

static void check_file(const struct asked *asked)
{
	uint64_t length;
	json_int_t end = 0;
	const char *name;
	json_t *node;

	asking_expect(asked->bytes > 8, "too short");
	memcpy(&length, asked->text, sizeof length);
	asking_expect(length % 8 == 0 && length <= asked->bytes - 8, "no length of a header");

	json_t *header = json_loadb(asked->text + 8, length, JSON_REJECT_DUPLICATES, NULL);
	json_object_foreach(header, name, node)
	{
		if (strcmp(name, "__metadata__"))
			end = check_tensor(node, end);
	}
	asking_expect(header && 8 + length + (uint64_t)end == asked->bytes, "bytes are left over");
	json_decref(header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct api_header headers[] = {{"Content-Type", "application/vnd.safetensors"},
						    {"Accept", "application/vnd.safetensors"}};
	struct asked asked = asking_post("/v1/evaluate", data, size, headers, 2);

	if (asked.status == 200)
		check_file(&asked);
	else
		asking_check_json(&asked);
	free(asked.text);
	return 0;
}
