#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "report.h"
#include "server.h"

static int serve(const struct srv_config *config, const char *argument)
{
	(void)argument;
	return srv_serve(config);
}

static const struct command {
	const char *name, *argument, *help;
	int (*run)(const struct srv_config *config, const char *argument);
} commands[] = {
	{"serve", NULL, "answer over HTTP until SIGTERM; what `lossd` alone does", serve},
	{"eval", "[FILE|-]",
	 "answer the request in a file, as POST /v1/evaluate would; exit 0 if all is finite, 3 if "
	 "not, 2 for a bad request",
	 srv_cli_eval},
	{"losses", "[NAME]", "print the catalogue of losses, or one of them", srv_cli_losses},
	{"openapi", NULL, "print the contract as OpenAPI 3.1", srv_cli_openapi},
	{"health", "[ADDRESS[/PATH]]", "exit 0 if the daemon answers 200 there, else 1",
	 srv_cli_health},
};

enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static int help(void)
{
	puts("lossd: losses, their gradients, and why they become NaN, over HTTP.\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		printf("  lossd %s%s%s\n      %s\n", commands[i].name,
		       commands[i].argument ? " " : "",
		       commands[i].argument ? commands[i].argument : "", commands[i].help);
	puts("");
	srv_config_help(stdout);
	return SRV_EXIT_OK;
}

static int version(void)
{
	struct srv_build build = srv_build();

	printf("lossd %s (%s, %s, libmicrohttpd %s, libuv %s, jansson %s, zlib %s, zstd %s)\n",
	       build.version, build.isa, build.compiler, build.microhttpd, build.uv, build.jansson,
	       build.zlib, build.zstd);
	return SRV_EXIT_OK;
}

static int markdown(void)
{
	srv_config_markdown(stdout);
	return SRV_EXIT_OK;
}

static int usage(const char *text)
{
	fprintf(stderr, "lossd: %s (lossd --help lists what there is)\n", text);
	return SRV_EXIT_USAGE;
}

static int run(const struct srv_config *config)
{
	const char *name = config->argument_count > 0 ? config->arguments[0] : "serve";
	char text[160];

	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(commands[i].name, name) != 0)
			continue;
		if (config->argument_count > (commands[i].argument ? 2 : 1))
			return usage("too many arguments");
		return commands[i].run(config,
				       config->argument_count == 2 ? config->arguments[1] : NULL);
	}
	snprintf(text, sizeof text, "there is no command \"%.80s\"", name);
	return usage(text);
}

static const char *environment(const char *name)
{
	return getenv(name);
}

int main(int argc, char **argv)
{
	struct srv_config config;
	struct srv_config_error err;

	if (!srv_config_parse(&config, argc, argv, environment, &err)) {
		fprintf(stderr, "lossd: %s\n", err.text);
		return SRV_EXIT_USAGE;
	}
	if (config.help)
		return help();
	if (config.version)
		return version();
	if (config.markdown)
		return markdown();
	return run(&config);
}
