/*
 * Writes what is derived from tables and committed; describe.sh puts it where it
 * belongs.
 *
 *     describe openapi      api/openapi.json
 *     describe losses       the table of losses of the README
 *     describe settings     its table of settings
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "describe.h"

static bool put(char *text, FILE *out)
{
	bool is_written = text && fputs(text, out) >= 0;

	free(text);
	return is_written;
}

static bool put_openapi(FILE *out)
{
	return put(api_openapi_text(), out);
}

static bool put_losses(FILE *out)
{
	return put(api_readme_table(), out);
}

static bool put_settings(FILE *out)
{
	srv_config_markdown(out);
	return true;
}

static const struct {
	const char *name;
	bool (*put)(FILE *out);
} texts[] = {
	{"openapi", put_openapi},
	{"losses", put_losses},
	{"settings", put_settings},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < sizeof texts / sizeof texts[0]; i++)
		if (!strcmp(texts[i].name, argv[1]))
			return texts[i].put(stdout) && fflush(stdout) == 0 ? EXIT_SUCCESS
									   : EXIT_FAILURE;
	fprintf(stderr, "usage: describe openapi|losses|settings\n");
	return 2;
}
