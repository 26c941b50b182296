#include "accept.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* One element of the list: the range, and its weight in thousandths. */
struct range {
	const char *type;
	size_t bytes;
	int weight;
};

/* "0.25" -> 250.  What is no weight counts as 1. */
static int read_weight(const char *text)
{
	int weight = (*text == '0' ? 0 : 1000), unit = 100;

	if (weight == 1000 || text[1] != '.')
		return weight;
	for (text += 2; isdigit((unsigned char)*text) && unit > 0; text++, unit /= 10)
		weight += (*text - '0') * unit;
	return weight;
}

/* The parameters of an element, up to its comma: its weight. */
static int find_weight(const char *at, const char *end)
{
	while (at < end && (at = memchr(at, ';', (size_t)(end - at)))) {
		at++;
		at += strspn(at, " \t");
		if (!strncasecmp(at, "q=", 2))
			return read_weight(at + 2);
	}
	return 1000;
}

/* The next element of the list; false at its end. */
static bool next_range(const char **list, struct range *range)
{
	const char *at = *list + strspn(*list, ", \t");
	const char *end = at + strcspn(at, ",");

	*list = end;
	*range = (struct range){at, strcspn(at, ",; \t"), find_weight(at, end)};
	return at < end;
}

static bool is_range(const struct range *range, const char *text, size_t bytes)
{
	return range->bytes == bytes && !strncasecmp(range->type, text, bytes);
}

/* How closely a range describes a type: 3 by name, 2 as "application/" and a
 * star, 1 as any, 0 not at all. */
static int closeness(const struct range *range, const char *type)
{
	size_t family = strcspn(type, "/") + 1;

	if (is_range(range, type, strlen(type)))
		return 3;
	if (range->bytes == family + 1 && range->type[family] == '*' &&
	    !strncasecmp(range->type, type, family))
		return 2;
	return is_range(range, "*/*", 3);
}

/* The weight of the closest range, and how close that is. */
static int weight_of(const char *accept, const char *type, int *closest)
{
	struct range range;
	int weight = 0;

	*closest = 0;
	while (next_range(&accept, &range)) {
		int close = closeness(&range, type);

		if (close <= *closest)
			continue;
		*closest = close;
		weight = range.weight;
	}
	return weight;
}

bool api_accept_prefers(const char *accept, const char *type, const char *usual)
{
	int closest, ignored;
	int weight = accept ? weight_of(accept, type, &closest) : 0;

	return weight > 0 && closest == 3 && weight >= weight_of(accept, usual, &ignored);
}
