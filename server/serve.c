/*
 * Start order: signals, limits of the process, log, tokens, pool, sockets,
 * loops; stop order: the reverse.
 *
 * The first SIGTERM or SIGINT:
 *   LEAVING   /readyz says 503 for --drain-delay, everything else goes on;
 *   DRAINING  no loop listens, new requests on open connections get 503, what
 *             was admitted is answered within --drain-timeout; then exit 0.
 * A second one ends the process at once.  SIGHUP reads the token file again.
 *
 * Failures at start: one line on standard error and exit 2 if a setting is at
 * fault, 1 otherwise.  A worker that does
 * not come back while stopping: every client has been answered, so the process
 * ends without it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include "cli.h"
#include "listen.h"
#include "loop.h"
#include "pages.h"
#include "report.h"
#include "server.h"
#include "threads.h"

enum { EXIT_AT_ONCE = 130, RETRY_SECONDS_MAX = 30 };

/* The sockets of the first loop, and of the others if they have their own. */
struct sockets {
	int fds[SRV_LIST_MAX];
	struct srv_address addresses[SRV_LIST_MAX];
	size_t count;
	bool inherited;
};

struct run {
	struct srv srv;
	struct sockets sockets;
	size_t loops_ready, threads_started;
	uv_signal_t terminate, interrupt, hangup;
	uv_timer_t leave_timer;
};

static bool fail(const char *what, const char *why)
{
	fprintf(stderr, "lossd: %s: %s\n", what, why);
	return false;
}

static int fail_start(const char *what)
{
	fail(what, "cannot be started");
	return SRV_EXIT_FAILED;
}

/* A setting that only the start could find wrong. */
static int bad_setting(const char *flag, const char *value, const char *why)
{
	fprintf(stderr, "lossd: %s %s: %s\n", flag, value, why);
	return SRV_EXIT_USAGE;
}

/* ---- Admission ------------------------------------------------------------ */

static bool take(_Atomic uint64_t *count, uint64_t max)
{
	if (atomic_fetch_add(count, 1) < max)
		return true;
	atomic_fetch_sub(count, 1);
	return false;
}

bool srv_connect(struct srv *srv)
{
	return take(&srv->connected, srv->config->connections);
}

void srv_connected_end(struct srv *srv)
{
	atomic_fetch_sub(&srv->connected, 1);
}

bool srv_admit(struct srv *srv)
{
	return take(&srv->admitted, srv->config->queue_requests);
}

void srv_admitted_end(struct srv *srv)
{
	atomic_fetch_sub(&srv->admitted, 1);
}

/* A mean over the last dozen or so; two loops that write at once lose one. */
void srv_note_service(struct srv *srv, uint64_t nanoseconds)
{
	uint64_t mean = srv->service_ns;

	srv->service_ns = mean == 0 ? nanoseconds : mean - mean / 8 + nanoseconds / 8;
}

unsigned srv_retry_after(const struct srv *srv, uint64_t random)
{
	uint64_t wait_ns = srv->admitted * srv->service_ns / srv->config->workers;
	uint64_t seconds = wait_ns / 1000000000 + 1;

	seconds = seconds < RETRY_SECONDS_MAX ? seconds : RETRY_SECONDS_MAX;
	return (unsigned)(seconds + random % (seconds / 2 + 1));
}

static bool above_mark(uint64_t value, uint64_t max)
{
	return value >= max - max / 10;
}

bool srv_is_ready(struct srv *srv, const char **why)
{
	if (srv->stage != SRV_SERVING)
		*why = "stopping";
	else if (above_mark(srv->admitted, srv->config->queue_requests))
		*why = "the queue is nearly full";
	else if (above_mark(srv->api.budget.used, srv->config->queue_bytes))
		*why = "the memory for requests is nearly full";
	else
		return true;
	return false;
}

/* ---- What the api asks its host ------------------------------------------- */

static json_t *host_stats(void *ctx)
{
	struct srv_view view;
	json_t *report = NULL;

	if (srv_view_init(&view, ctx))
		report = srv_report_json(&view);
	srv_view_release(&view);
	return report;
}

static char *host_metrics(void *ctx, bool openmetrics)
{
	struct srv_view view;
	char *text = NULL;

	if (srv_view_init(&view, ctx))
		text = srv_report_metrics(&view, openmetrics);
	srv_view_release(&view);
	return text;
}

static bool host_ready(void *ctx, const char **why)
{
	return srv_is_ready(ctx, why);
}

/* Fewer elements say more about the handling of a request. */
enum { MEASURED_ELEMENTS_MIN = 1 << 20 };

/* Of the whole process; counters may be read while they are written. */
static double host_element_seconds(void *ctx, const struct loss *loss)
{
	const struct srv *srv = ctx;
	uint64_t elements = 0, nanoseconds = 0;
	size_t index = 0;

	while (index < SRV_LOSSES_MAX && loss_at(index) != loss)
		index++;
	for (uint64_t i = 0; index < SRV_LOSSES_MAX && i < srv->config->loops; i++) {
		const struct srv_stats *stats = srv->loops[i].stats;

		elements += srv_counter_get(&stats->counts.losses[index].elements);
		nanoseconds += srv_counter_get(&stats->distributions.losses[index].sum);
	}
	return elements < MEASURED_ELEMENTS_MIN ? 0 : (double)nanoseconds / 1e9 / (double)elements;
}

static void api_init(struct srv *srv)
{
	srv->api.limits = srv->config->limits;
	srv->api.budget.max = srv->config->queue_bytes;
	api_pages_keep(srv->config->keep_bytes);
	srv->api.host = (struct api_host){
		.ctx = srv,
		.stats = host_stats,
		.metrics = host_metrics,
		.ready = host_ready,
		.element_seconds = host_element_seconds,
	};
}

/* ---- Sockets -------------------------------------------------------------- */

static bool add_socket(struct sockets *sockets, int fd)
{
	sockets->fds[sockets->count] = fd;
	if (!srv_address_of_socket(fd, &sockets->addresses[sockets->count]))
		return fail("listening socket", strerror(errno));
	sockets->count++;
	return true;
}

static int open_socket(struct sockets *sockets, const struct srv_config *config, const char *text)
{
	struct srv_address address;
	char why[200];
	int fd;

	if (!srv_address_parse(text, &address, why, sizeof why))
		return bad_setting("--listen", text, why);
	fd = srv_listen(&address, config->loops > 1, why, sizeof why);
	if (fd < 0) {
		fprintf(stderr, "lossd: cannot listen on %s: %s\n", text, why);
		return SRV_EXIT_FAILED;
	}
	return add_socket(sockets, fd) ? SRV_EXIT_OK : SRV_EXIT_FAILED;
}

static int sockets_open(struct sockets *sockets, const struct srv_config *config)
{
	int first, status = SRV_EXIT_OK;
	size_t inherited = srv_listen_inherited(&first);

	sockets->inherited = inherited > 0;
	for (size_t i = 0; i < inherited; i++)
		if (!add_socket(sockets, first + (int)i))
			return SRV_EXIT_FAILED;
	for (size_t i = 0; !inherited && i < config->listen.count && !status; i++)
		status = open_socket(sockets, config, config->listen.items[i]);
	return status;
}

/* Anybody could ask for anything: not by accident. */
static int check_exposure(const struct sockets *sockets, const struct srv_config *config)
{
	char text[SRV_ADDRESS_TEXT_BYTES];

	for (size_t i = 0; i < sockets->count; i++) {
		if (config->token_file || config->insecure ||
		    srv_address_is_local(&sockets->addresses[i]))
			continue;
		srv_address_text(&sockets->addresses[i], text);
		return bad_setting("--listen", text,
				   "is not loopback: give a --token-file, or --insecure if "
				   "anybody may ask");
	}
	return SRV_EXIT_OK;
}

static bool is_shared(const struct sockets *sockets, size_t index)
{
	return sockets->inherited || sockets->addresses[index].any.sa_family == AF_UNIX;
}

/* The listening sockets of a further loop: of its own on the same port where the
 * kernel can choose between them, the same ones otherwise. */
static bool more_sockets(const struct sockets *sockets, int fds[SRV_LIST_MAX])
{
	for (size_t i = 0; i < sockets->count; i++) {
		char why[200] = "";

		fds[i] = is_shared(sockets, i)
				 ? fcntl(sockets->fds[i], F_DUPFD_CLOEXEC, 0)
				 : srv_listen(&sockets->addresses[i], true, why, sizeof why);
		if (fds[i] < 0)
			return fail("cannot listen", *why ? why : strerror(errno));
	}
	return true;
}

static void remove_unix_files(const struct sockets *sockets)
{
	for (size_t i = 0; i < sockets->count; i++)
		if (!sockets->inherited && sockets->addresses[i].any.sa_family == AF_UNIX)
			unlink(sockets->addresses[i].un.sun_path);
}

/* ---- Signals, on the first loop ------------------------------------------- */

static void drain_all(struct run *run)
{
	run->srv.stage = SRV_DRAINING;
	for (size_t i = 0; i < run->loops_ready; i++)
		srv_loop_stop(&run->srv.loops[i]);
}

static void on_leave(uv_timer_t *timer)
{
	drain_all(timer->data);
}

static void on_terminate(uv_signal_t *handle, int number)
{
	struct run *run = handle->data;

	if (run->srv.stage != SRV_SERVING) {
		srv_log_say(run->srv.log, SRV_WARN, "stopping at once", "signal",
			    strsignal(number));
		srv_log_free(run->srv.log);
		_exit(EXIT_AT_ONCE);
	}
	srv_log_say(run->srv.log, SRV_INFO, "stopping", "signal", strsignal(number));
	run->srv.stage = SRV_LEAVING;
	uv_timer_start(&run->leave_timer, on_leave, run->srv.config->drain_delay_ms, 0);
}

static void on_hangup(uv_signal_t *handle, int number)
{
	struct run *run = handle->data;
	char why[200] = "";

	(void)number;
	if (!run->srv.tokens)
		return;
	if (srv_tokens_reload(run->srv.tokens, why, sizeof why))
		srv_log_say(run->srv.log, SRV_INFO, "tokens read again", "text", why);
	else
		srv_log_say(run->srv.log, SRV_ERROR, "tokens stay as they were", "text", why);
}

static bool signal_start(struct run *run, uv_signal_t *handle, uv_signal_cb callback, int number)
{
	handle->data = run;
	return uv_signal_init(&run->srv.loops[0].uv, handle) == 0 &&
	       uv_signal_start(handle, callback, number) == 0;
}

static bool signals_start(struct run *run)
{
	uv_timer_init(&run->srv.loops[0].uv, &run->leave_timer);
	run->leave_timer.data = run;
	return signal_start(run, &run->terminate, on_terminate, SIGTERM) &&
	       signal_start(run, &run->interrupt, on_terminate, SIGINT) &&
	       signal_start(run, &run->hangup, on_hangup, SIGHUP);
}

/* ---- Limits of the process ------------------------------------------------ */

/* As many descriptors as the system allows; fewer connections if that is not
 * enough, rather than accept() failing under load. */
static void raise_file_limit(const struct srv *srv)
{
	const uint64_t others = 64;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < srv->config->connections + others)
		srv_log_say(srv->log, SRV_WARN, "fewer files may be open than --connections", NULL,
			    NULL);
}

/* ---- Start and stop ------------------------------------------------------- */

static bool loops_start(struct run *run)
{
	struct srv *srv = &run->srv;
	int fds[SRV_LIST_MAX];

	srv->loops = calloc(srv->config->loops, sizeof *srv->loops);
	if (!srv->loops)
		return fail("loops", strerror(errno));
	for (unsigned i = 0; i < srv->config->loops; i++) {
		if (i > 0 && !more_sockets(&run->sockets, fds))
			return false;
		if (!srv_loop_init(&srv->loops[i], srv, i, i > 0 ? fds : run->sockets.fds,
				   run->sockets.count))
			return fail("event loop", "cannot be made");
		run->loops_ready++;
	}
	return true;
}

static void *loop_main(void *arg)
{
	srv_loop_run(arg);
	return NULL;
}

/* Loops other than the first. */
static bool threads_start(struct run *run)
{
	for (size_t i = 1; i < run->loops_ready; i++) {
		struct srv_loop *loop = &run->srv.loops[i];

		if (!srv_thread_start(&loop->thread, "lossd-loop", loop_main, loop))
			return fail("event loop", "a thread cannot be started");
		run->threads_started++;
	}
	return true;
}

static int start_parts(struct run *run)
{
	struct srv *srv = &run->srv;
	const struct srv_config *config = srv->config;
	char why[200];

	api_init(srv);
	srv->log = srv_log_new(STDERR_FILENO, (enum srv_log_format)config->log_format,
			       (enum srv_log_level)config->log_level);
	if (!srv->log)
		return fail_start("log");
	raise_file_limit(srv);
	if (config->token_file) {
		srv->tokens = srv_tokens_new(config->token_file, why, sizeof why);
		if (!srv->tokens)
			return bad_setting("--token-file", config->token_file, why);
	}
	srv->peers = srv_peers_new(config->connections_per_ip, config->requests_per_ip);
	srv->aside = srv_aside_new();
	srv->pool = srv_pool_new((size_t)config->workers);
	if (!srv->peers || !srv->aside || !srv->pool)
		return fail_start("workers");
	if (!loops_start(run) || !(signals_start(run) || fail("signals", "cannot be caught")))
		return SRV_EXIT_FAILED;
	return SRV_EXIT_OK;
}

/* A request that works as it stands, for a shell. */
static void print_curl(const struct srv_address *listening)
{
	struct srv_address address = *listening;
	char text[SRV_ADDRESS_TEXT_BYTES], where[2 * SRV_ADDRESS_TEXT_BYTES];

	srv_address_make_reachable(&address);
	srv_address_text(&address, text);
	if (address.any.sa_family == AF_UNIX)
		snprintf(where, sizeof where, "--unix-socket %s http://localhost", text + 5);
	else
		snprintf(where, sizeof where, "http://%s", text);
	printf("Try:  curl -s %s/v1/evaluate -H 'Content-Type: application/json' -d "
	       "'{\"loss\": \"cross_entropy\", \"logits\": [[0.2, 0.3, 0.4], [-0.02, -0.13, 0.2], "
	       "[0.5, -0.3, 0.73]], \"targets\": [0, 2, 1]}'\n",
	       where);
}

/* What a person wants to know, on standard output; the log has it too. */
static void announce(const struct run *run)
{
	char text[SRV_ADDRESS_TEXT_BYTES];

	for (size_t i = 0; i < run->sockets.count; i++) {
		const struct srv_address *address = &run->sockets.addresses[i];

		srv_address_text(address, text);
		srv_log_say(run->srv.log, SRV_INFO, "listening", "address", text);
		printf("lossd %s listens on %s%s\n", LOSS_VERSION,
		       address->any.sa_family == AF_UNIX ? "" : "http://", text);
	}
	if (isatty(STDOUT_FILENO) && !run->srv.tokens)
		print_curl(&run->sockets.addresses[0]);
	fflush(stdout);
}

static bool has_jobs(const struct run *run)
{
	for (size_t i = 0; i < run->loops_ready; i++)
		if (run->srv.loops[i].jobs)
			return true;
	return false;
}

static void run_loops(struct run *run)
{
	srv_loop_run(&run->srv.loops[0]);
	for (size_t i = 1; i <= run->threads_started; i++)
		pthread_join(run->srv.loops[i].thread, NULL);
}

static void release(struct run *run)
{
	struct srv *srv = &run->srv;

	srv_pool_free(srv->pool);
	srv_aside_free(srv->aside);
	for (size_t i = 0; i < run->loops_ready; i++)
		srv_loop_release(&srv->loops[i]);
	free(srv->loops);
	srv_peers_free(srv->peers);
	srv_tokens_free(srv->tokens);
	srv_log_free(srv->log);
	api_pages_keep(0);
}

/* After a failed start: the loops that there are stop at once. */
static void abandon(struct run *run)
{
	drain_all(run);
	if (run->loops_ready > 0)
		run_loops(run);
	for (size_t i = run->threads_started + 1; i < run->loops_ready; i++)
		srv_loop_run(&run->srv.loops[i]);
	release(run);
}

static int start(struct run *run)
{
	int status;

	signal(SIGPIPE, SIG_IGN);
	json_object_seed(0); /* before there are threads */
	if ((status = sockets_open(&run->sockets, run->srv.config)) ||
	    (status = check_exposure(&run->sockets, run->srv.config)) ||
	    (status = start_parts(run)))
		return status;
	announce(run);
	return threads_start(run) ? SRV_EXIT_OK : SRV_EXIT_FAILED;
}

int srv_serve(const struct srv_config *config)
{
	struct run run = {
		.srv.config = config, .srv.started_ns = uv_hrtime(), .srv.started_at = time(NULL)};

	int status = start(&run);

	if (status) {
		abandon(&run);
		return status;
	}
	run_loops(&run);
	remove_unix_files(&run.sockets);
	srv_log_say(run.srv.log, SRV_INFO, "stopped", NULL, NULL);
	if (has_jobs(&run)) { /* a worker is still in one */
		srv_log_free(run.srv.log);
		_exit(EXIT_SUCCESS);
	}
	release(&run);
	return EXIT_SUCCESS;
}
