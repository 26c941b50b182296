#include "buffer.h"

#include "pages.h"

enum { BYTES_FIRST = 64 << 10 };

static bool count(struct srv_buffer *buffer, uint64_t room)
{
	return room <= buffer->room || api_budget_take(buffer->budget, room - buffer->room);
}

static void give(struct srv_buffer *buffer, uint64_t bytes)
{
	if (bytes > 0)
		api_budget_give(buffer->budget, bytes);
}

bool srv_buffer_resize(struct srv_buffer *buffer, uint64_t room)
{
	char *data;

	if (room == 0) {
		srv_buffer_release(buffer);
		return true;
	}
	if (!count(buffer, room))
		return false;
	data = api_pages_resize(buffer->data, buffer->room, room);
	if (!data) {
		give(buffer, room > buffer->room ? room - buffer->room : 0);
		return false;
	}
	give(buffer, room < buffer->room ? buffer->room - room : 0);
	buffer->data = data;
	buffer->room = room;
	return true;
}

bool srv_buffer_grow(struct srv_buffer *buffer, uint64_t needed, uint64_t most)
{
	uint64_t room = buffer->room < BYTES_FIRST / 2 ? BYTES_FIRST : 2 * buffer->room;

	if (needed <= buffer->room)
		return true;
	room = room < needed ? needed : room;
	return srv_buffer_resize(buffer, room < most ? room : most);
}

void srv_buffer_release(struct srv_buffer *buffer)
{
	api_pages_give(buffer->data, buffer->room);
	give(buffer, buffer->room);
	buffer->data = NULL;
	buffer->bytes = buffer->room = 0;
}
