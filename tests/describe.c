/*
 * Writes what is derived from the tables and committed.
 *
 *     describe openapi        api/openapi.json
 *     describe table          the table of losses in the README
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "describe.h"

static const struct {
	const char *name;
	char *(*make)(void);
} texts[] = {
	{"openapi", api_openapi_text},
	{"table", api_readme_table},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < sizeof texts / sizeof texts[0]; i++) {
		if (strcmp(texts[i].name, argv[1]))
			continue;

		char *text = texts[i].make();
		bool is_written = text && fputs(text, stdout) >= 0 && fflush(stdout) == 0;
		free(text);
		return is_written ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	fprintf(stderr, "usage: describe openapi|table\n");
	return 2;
}
