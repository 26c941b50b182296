#define _GNU_SOURCE
#include "tokens.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Padded with zeros to one length, so that comparing says nothing of it. */
struct token {
	unsigned char bytes[SRV_TOKEN_BYTES_MAX];
};

struct token_set {
	struct token tokens[SRV_TOKENS_MAX];
	size_t count;
};

struct srv_tokens {
	pthread_mutex_t lock; /* of `set` */
	char *path;
	struct token_set set;
};

static bool token_read(struct token *token, const char *text, size_t length)
{
	memset(token, 0, sizeof *token);
	if (length == 0 || length > sizeof token->bytes)
		return false;
	memcpy(token->bytes, text, length);
	return true;
}

static bool read_lines(FILE *file, struct token_set *set, char *why, size_t why_bytes)
{
	char line[SRV_TOKEN_BYTES_MAX + 2];

	while (fgets(line, sizeof line, file)) {
		size_t length = strcspn(line, "\r\n");
		bool whole = line[length] != '\0' || feof(file);

		if (whole && (length == 0 || line[0] == '#'))
			continue;
		if (!whole || set->count == SRV_TOKENS_MAX) {
			snprintf(why, why_bytes,
				 "more than %d tokens, or a line of more than %d bytes",
				 SRV_TOKENS_MAX, SRV_TOKEN_BYTES_MAX);
			return false;
		}
		token_read(&set->tokens[set->count++], line, length);
	}
	if (set->count == 0)
		snprintf(why, why_bytes, "there is no token in it");
	return set->count > 0;
}

static bool set_read(const char *path, struct token_set *set, char *why, size_t why_bytes)
{
	FILE *file = fopen(path, "re");
	bool read;

	memset(set, 0, sizeof *set);
	if (!file) {
		snprintf(why, why_bytes, "%s", strerror(errno));
		return false;
	}
	read = read_lines(file, set, why, why_bytes);
	fclose(file);
	return read;
}

struct srv_tokens *srv_tokens_new(const char *path, char *why, size_t why_bytes)
{
	struct srv_tokens *tokens = calloc(1, sizeof *tokens);

	if (!tokens || !(tokens->path = strdup(path))) {
		snprintf(why, why_bytes, "there is no memory");
		free(tokens);
		return NULL;
	}
	pthread_mutex_init(&tokens->lock, NULL);
	if (set_read(path, &tokens->set, why, why_bytes))
		return tokens;
	srv_tokens_free(tokens);
	return NULL;
}

void srv_tokens_free(struct srv_tokens *tokens)
{
	if (!tokens)
		return;
	explicit_bzero(&tokens->set, sizeof tokens->set);
	pthread_mutex_destroy(&tokens->lock);
	free(tokens->path);
	free(tokens);
}

bool srv_tokens_reload(struct srv_tokens *tokens, char *why, size_t why_bytes)
{
	struct token_set *set = malloc(sizeof *set);
	bool read = set && set_read(tokens->path, set, why, why_bytes);

	if (read) {
		pthread_mutex_lock(&tokens->lock);
		tokens->set = *set;
		pthread_mutex_unlock(&tokens->lock);
	}
	if (set)
		explicit_bzero(set, sizeof *set);
	free(set);
	return read;
}

/* 1 if equal, 0 if not, without a branch on the bytes. */
static unsigned equal(const struct token *a, const struct token *b)
{
	volatile unsigned char difference = 0;

	for (size_t i = 0; i < sizeof a->bytes; i++)
		difference = (unsigned char)(difference | (a->bytes[i] ^ b->bytes[i]));
	return ((unsigned)difference - 1) >> 31;
}

bool srv_tokens_accept(struct srv_tokens *tokens, const char *authorization)
{
	struct token given;
	unsigned found = 0;

	if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
		return false;
	authorization += 7 + strspn(authorization + 7, " ");
	if (!token_read(&given, authorization, strlen(authorization)))
		return false;
	pthread_mutex_lock(&tokens->lock);
	for (size_t i = 0; i < tokens->set.count; i++)
		found |= equal(&given, &tokens->set.tokens[i]);
	pthread_mutex_unlock(&tokens->lock);
	return found != 0;
}
