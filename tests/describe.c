/*
 * Prints what is generated from the tables: the contract as OpenAPI, the
 * README's table of losses and its table of settings.  tests/describe.sh puts
 * them where they belong, or finds them out of date.
 *
 *     build/tests/describe openapi|losses|settings
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "describe.h"

static int print(char *text)
{
	if (!text)
		return EXIT_FAILURE;
	fputs(text, stdout);
	free(text);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	if (!strcmp(what, "openapi"))
		return print(api_openapi_text());
	if (!strcmp(what, "losses"))
		return print(api_readme_table());
	if (!strcmp(what, "settings")) {
		srv_config_markdown(stdout);
		return EXIT_SUCCESS;
	}
	fprintf(stderr, "usage: %s openapi|losses|settings\n", argv[0]);
	return EXIT_FAILURE;
}
