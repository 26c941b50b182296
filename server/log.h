/*
 * The log: lines on standard error, JSON or text.
 *
 * A line is put together on the caller's thread into a bounded buffer, and a
 * thread of the log writes the buffer out: whoever reads standard error too
 * slowly loses lines (which is counted, and said in the log), but never holds
 * up a request.
 *
 *     struct srv_log_line line;
 *     srv_log_begin(&line, log, SRV_INFO, "request");
 *     srv_log_text(&line, "method", "POST");
 *     srv_log_number(&line, "bytes_in", 512);
 *     srv_log_end(&line);
 *
 * Text from clients is escaped and cut, so that a line stays one line.
 */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

enum { SRV_LOG_LINE_BYTES = 2048, SRV_LOG_VALUE_BYTES = 200 };

struct srv_log;

struct srv_log_line {
	struct srv_log *log; /* NULL: not to be logged */
	bool json;
	size_t used;
	char text[SRV_LOG_LINE_BYTES];
};

/* Starts the writer for file descriptor `fd`. NULL if it cannot. */
struct srv_log *srv_log_new(int fd, enum srv_log_format format, enum srv_log_level level);

/* Writes what is left and ends the writer; gives up on a reader that takes
 * nothing for a second. */
void srv_log_free(struct srv_log *log);

/* Any thread. A line begun must be ended. */
void srv_log_begin(struct srv_log_line *line, struct srv_log *log, enum srv_log_level level,
		   const char *message);
void srv_log_text(struct srv_log_line *line, const char *name, const char *value);
void srv_log_number(struct srv_log_line *line, const char *name, uint64_t value);
void srv_log_ms(struct srv_log_line *line, const char *name, uint64_t nanoseconds);
void srv_log_end(struct srv_log_line *line);

/* A line of a message and one text, for the rare ones. */
void srv_log_say(struct srv_log *log, enum srv_log_level level, const char *message,
		 const char *name, const char *value);

/* Lines lost because the buffer was full. */
uint64_t srv_log_dropped(struct srv_log *log);

/* Lets `burst` lines through each second and counts the others. */
struct srv_log_limit {
	uint64_t second;
	unsigned passed;
	uint64_t suppressed;
};
bool srv_log_allow(struct srv_log_limit *limit, unsigned burst);

#endif
