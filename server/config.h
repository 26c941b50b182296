/*
 * Settings: one table (config.c) of everything that can be set, from which
 * follow the command line, the environment, --help and the README's table.
 *
 * A flag beats the environment, the environment beats the default.  The
 * environment's name is the flag's: --queue-bytes is LOSSD_QUEUE_BYTES.
 *
 * Strings are borrowed from argv and the environment, which must outlive the
 * struct.
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "api.h"

enum { SRV_LIST_MAX = 16, SRV_LIST_ITEM_BYTES = 128, SRV_ARGUMENTS_MAX = 4 };

struct srv_list {
	char items[SRV_LIST_MAX][SRV_LIST_ITEM_BYTES];
	size_t count;
};

enum srv_log_format { SRV_LOG_JSON, SRV_LOG_TEXT };
enum srv_log_level { SRV_DEBUG, SRV_INFO, SRV_WARN, SRV_ERROR };

struct srv_config {
	/* listening */
	struct srv_list listen;
	const char *token_file; /* NULL: everybody may ask */
	bool insecure;
	bool text;
	uint64_t connections;
	uint64_t connections_per_ip;
	uint64_t requests_per_ip; /* a second; 0: any number */
	/* work */
	uint64_t workers; /* this and others: 0 until srv_config_parse() has looked around */
	uint64_t loops;
	uint64_t inline_bytes;
	uint64_t queue_requests;
	uint64_t queue_bytes;
	uint64_t keep_bytes;
	/* time */
	uint64_t timeout_ms;
	uint64_t header_ms;
	uint64_t body_ms;
	uint64_t rate_bytes; /* a second, below which a client is given up */
	uint64_t idle_ms;
	uint64_t drain_delay_ms;
	uint64_t drain_ms;
	/* log */
	uint64_t log_format; /* enum srv_log_format */
	uint64_t log_level;  /* enum srv_log_level */
	/* limits of a request */
	struct api_limits limits;

	bool help, version, markdown;
	/* What is no flag: the subcommand and its arguments. */
	const char *arguments[SRV_ARGUMENTS_MAX];
	size_t argument_count;
};

struct srv_config_error {
	char text[320]; /* one line that names the setting */
};

typedef const char *srv_environment(const char *name);

/* Fill *config from defaults, environment and arguments (argv[0] is skipped).
 * False if something cannot be read, with the reason in *err and *config
 * undefined. `environment` is getenv() but for tests. */
bool srv_config_parse(struct srv_config *config, int argc, char *const *argv,
		      srv_environment *environment, struct srv_config_error *err);

/* The settings with their environment names, defaults and ranges. */
void srv_config_help(FILE *out);
void srv_config_markdown(FILE *out);

#endif
