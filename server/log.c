/*
 * Happy path: srv_log_end() appends the line to the buffer in use and wakes the
 * writer if it was empty; the writer waits a little for more lines, swaps the
 * two buffers and write()s the full one without holding the lock.
 *
 * Failures: the buffer is full (the reader is slow) - the line is dropped and
 * counted, and the next one that fits is preceded by a line saying how many;
 * write() fails for good (EPIPE, ENOSPC) - the buffer is thrown away; nobody
 * reads when the daemon stops - srv_log_free() waits a second and leaves the
 * writer, blocked in write(), to the end of the process.
 */
#define _GNU_SOURCE
#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "threads.h"

enum { BUFFER_BYTES = 1 << 18, GATHER_NS = 2000000, LAST_CHANCE_S = 1 };

struct srv_log {
	int fd;
	bool json;
	enum srv_log_level level;

	pthread_t thread;
	pthread_mutex_t lock; /* of everything below */
	pthread_cond_t filled, ended;
	char *filling; /* lines are appended here, */
	char *writing; /* while this one is written */
	size_t used;
	uint64_t dropped, dropped_unsaid;
	bool stop, has_ended;
};

/* ---- The writer ----------------------------------------------------------- */

static void write_all(int fd, const char *text, size_t bytes)
{
	while (bytes > 0) {
		ssize_t written = write(fd, text, bytes);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0 && errno == EAGAIN) { /* someone else made it non-blocking */
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
			continue;
		}
		if (written < 0)
			return;
		text += written;
		bytes -= (size_t)written;
	}
}

/* One wakeup for many lines: at 50000 requests a second, waking the writer for
 * each costs more than the lines do. */
static void gather(struct srv_log *log)
{
	if (log->stop)
		return;
	pthread_mutex_unlock(&log->lock);
	nanosleep(&(struct timespec){.tv_nsec = GATHER_NS}, NULL);
	pthread_mutex_lock(&log->lock);
}

static void *writer_main(void *arg)
{
	struct srv_log *log = arg;
	char *full;
	size_t bytes;

	pthread_mutex_lock(&log->lock);
	while (!log->stop || log->used > 0) {
		if (log->used == 0) {
			pthread_cond_wait(&log->filled, &log->lock);
			continue;
		}
		gather(log);
		full = log->filling;
		bytes = log->used;
		log->filling = log->writing;
		log->writing = full;
		log->used = 0;
		pthread_mutex_unlock(&log->lock);
		write_all(log->fd, full, bytes);
		pthread_mutex_lock(&log->lock);
	}
	log->has_ended = true;
	pthread_cond_signal(&log->ended);
	pthread_mutex_unlock(&log->lock);
	return NULL;
}

struct srv_log *srv_log_new(int fd, enum srv_log_format format, enum srv_log_level level)
{
	struct srv_log *log = calloc(1, sizeof *log);

	if (!log)
		return NULL;
	log->fd = fd;
	log->json = format == SRV_LOG_JSON;
	log->level = level;
	log->filling = malloc(BUFFER_BYTES);
	log->writing = malloc(BUFFER_BYTES);
	pthread_mutex_init(&log->lock, NULL);
	pthread_cond_init(&log->filled, NULL);
	pthread_cond_init(&log->ended, NULL);
	if (log->filling && log->writing &&
	    srv_thread_start(&log->thread, "lossd-log", writer_main, log))
		return log;
	free(log->filling);
	free(log->writing);
	free(log);
	return NULL;
}

void srv_log_free(struct srv_log *log)
{
	struct timespec until;
	int failed = 0;

	if (!log)
		return;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LAST_CHANCE_S;
	pthread_mutex_lock(&log->lock);
	log->stop = true;
	pthread_cond_signal(&log->filled);
	while (!log->has_ended && !failed)
		failed = pthread_cond_timedwait(&log->ended, &log->lock, &until);
	pthread_mutex_unlock(&log->lock);
	if (failed) /* the writer still uses the log; the process is about to end */
		return;
	pthread_join(log->thread, NULL);
	pthread_cond_destroy(&log->filled);
	pthread_cond_destroy(&log->ended);
	pthread_mutex_destroy(&log->lock);
	free(log->filling);
	free(log->writing);
	free(log);
}

uint64_t srv_log_dropped(struct srv_log *log)
{
	uint64_t dropped;

	pthread_mutex_lock(&log->lock);
	dropped = log->dropped;
	pthread_mutex_unlock(&log->lock);
	return dropped;
}

/* ---- A line --------------------------------------------------------------- */

/* Room is kept for the end of the line; what does not fit is left out. */
static void put(struct srv_log_line *line, const char *text, size_t bytes)
{
	size_t room = sizeof line->text - line->used - sizeof "\"}\n";

	bytes = bytes < room ? bytes : room;
	memcpy(line->text + line->used, text, bytes);
	line->used += bytes;
}

static void put_text(struct srv_log_line *line, const char *text)
{
	put(line, text, strlen(text));
}

static bool is_plain(char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* In quotes, printable ASCII only, so that neither a terminal nor a reader of
 * lines can be played tricks. */
static void put_quoted(struct srv_log_line *line, const char *value)
{
	size_t bytes = strnlen(value, SRV_LOG_VALUE_BYTES + 1);
	bool cut = bytes > SRV_LOG_VALUE_BYTES;

	put_text(line, "\"");
	for (const char *c = value, *end = value + bytes - cut; c < end;) {
		const char *run = c;
		char escaped[8];

		while (c < end && is_plain(*c))
			c++;
		put(line, run, (size_t)(c - run));
		if (c < end) {
			snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned char)*c++);
			put_text(line, escaped);
		}
	}
	put_text(line, cut ? "...\"" : "\"");
}

static void put_name(struct srv_log_line *line, const char *name)
{
	put_text(line, line->json ? ",\"" : " ");
	put_text(line, name);
	put_text(line, line->json ? "\":" : "=");
}

/* RFC 3339, UTC, with milliseconds. */
static void timestamp(char text[32])
{
	struct timespec now;
	struct tm utc;
	size_t used;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	used = strftime(text, 32, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text + used, 32 - used, ".%03uZ", (unsigned)(now.tv_nsec / 1000000) % 1000);
}

void srv_log_begin(struct srv_log_line *line, struct srv_log *log, enum srv_log_level level,
		   const char *message)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};
	char time[32];

	line->log = log && level >= log->level ? log : NULL;
	if (!line->log)
		return;
	line->json = log->json;
	line->used = 0;
	timestamp(time);
	put_text(line, line->json ? "{\"ts\":\"" : "");
	put_text(line, time);
	put_text(line, line->json ? "\",\"level\":\"" : " ");
	put_text(line, names[level]);
	put_text(line, line->json ? "\",\"msg\":\"" : " ");
	put_text(line, message);
	put_text(line, line->json ? "\"" : "");
}

void srv_log_text(struct srv_log_line *line, const char *name, const char *value)
{
	if (!line->log || !value || !*value)
		return;
	put_name(line, name);
	put_quoted(line, value);
}

void srv_log_number(struct srv_log_line *line, const char *name, uint64_t value)
{
	char text[32];

	if (!line->log)
		return;
	put_name(line, name);
	snprintf(text, sizeof text, "%" PRIu64, value);
	put_text(line, text);
}

void srv_log_ms(struct srv_log_line *line, const char *name, uint64_t nanoseconds)
{
	char text[48];

	if (!line->log)
		return;
	put_name(line, name);
	snprintf(text, sizeof text, "%" PRIu64 ".%03" PRIu64, nanoseconds / 1000000,
		 nanoseconds / 1000 % 1000);
	put_text(line, text);
}

/* With the lock held: true if it fitted. */
static bool append(struct srv_log *log, const struct srv_log_line *line)
{
	if (BUFFER_BYTES - log->used < line->used)
		return false;
	memcpy(log->filling + log->used, line->text, line->used);
	log->used += line->used;
	return true;
}

static void finish(struct srv_log_line *line)
{
	const char *end = line->json ? "}\n" : "\n";

	memcpy(line->text + line->used, end, strlen(end)); /* put() kept the room */
	line->used += strlen(end);
}

static bool append_dropped(struct srv_log *log)
{
	struct srv_log_line line = {0};

	if (log->dropped_unsaid == 0)
		return true;
	srv_log_begin(&line, log, SRV_ERROR, "log lines dropped");
	srv_log_number(&line, "lines", log->dropped_unsaid);
	finish(&line);
	if (!append(log, &line))
		return false;
	log->dropped_unsaid = 0;
	return true;
}

void srv_log_end(struct srv_log_line *line)
{
	struct srv_log *log = line->log;

	if (!log)
		return;
	finish(line);
	pthread_mutex_lock(&log->lock);
	if (log->used == 0)
		pthread_cond_signal(&log->filled);
	if (!append_dropped(log) || !append(log, line)) {
		log->dropped++;
		log->dropped_unsaid++;
	}
	pthread_mutex_unlock(&log->lock);
}

void srv_log_say(struct srv_log *log, enum srv_log_level level, const char *message,
		 const char *name, const char *value)
{
	struct srv_log_line line;

	srv_log_begin(&line, log, level, message);
	srv_log_text(&line, name, value);
	srv_log_end(&line);
}

/* ---- Limits --------------------------------------------------------------- */

bool srv_log_allow(struct srv_log_limit *limit, unsigned burst)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if ((uint64_t)now.tv_sec != limit->second) {
		limit->second = (uint64_t)now.tv_sec;
		limit->passed = 0;
	}
	if (limit->passed < burst) {
		limit->passed++;
		return true;
	}
	limit->suppressed++;
	return false;
}
