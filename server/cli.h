/* The subcommands that are not the daemon. Each returns the exit status. */
#ifndef SERVER_CLI_H
#define SERVER_CLI_H

#include "config.h"

enum srv_exit {
	SRV_EXIT_OK = 0,
	SRV_EXIT_FAILED = 1,    /* cannot start, not healthy */
	SRV_EXIT_USAGE = 2,     /* bad setting, bad request */
	SRV_EXIT_NONFINITE = 3, /* lossd eval: NaN or an infinity */
};

/* `argument` is what stands behind the subcommand, or NULL. */
int srv_cli_eval(const struct srv_config *config, const char *argument);
int srv_cli_losses(const struct srv_config *config, const char *argument);
int srv_cli_openapi(const struct srv_config *config, const char *argument);
int srv_cli_health(const struct srv_config *config, const char *argument);

#endif
