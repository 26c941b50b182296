#include "reaper.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "threads.h"

struct srv_reaper {
	pthread_t thread;
	pthread_mutex_t lock; /* of everything below */
	pthread_cond_t given;
	struct srv_remains *remains;
	bool stop;
};

static void *reaper_main(void *arg)
{
	struct srv_reaper *reaper = arg;
	struct srv_remains *one;

	pthread_mutex_lock(&reaper->lock);
	while (reaper->remains || !reaper->stop) {
		one = reaper->remains;
		if (!one) {
			pthread_cond_wait(&reaper->given, &reaper->lock);
			continue;
		}
		reaper->remains = one->next;
		pthread_mutex_unlock(&reaper->lock);
		one->free(one);
		pthread_mutex_lock(&reaper->lock);
	}
	pthread_mutex_unlock(&reaper->lock);
	return NULL;
}

struct srv_reaper *srv_reaper_new(void)
{
	struct srv_reaper *reaper = calloc(1, sizeof *reaper);

	if (!reaper)
		return NULL;
	pthread_mutex_init(&reaper->lock, NULL);
	pthread_cond_init(&reaper->given, NULL);
	if (srv_thread_start(&reaper->thread, "lossd-reaper", reaper_main, reaper))
		return reaper;
	free(reaper);
	return NULL;
}

void srv_reaper_free(struct srv_reaper *reaper)
{
	if (!reaper)
		return;
	pthread_mutex_lock(&reaper->lock);
	reaper->stop = true;
	pthread_cond_signal(&reaper->given);
	pthread_mutex_unlock(&reaper->lock);
	pthread_join(reaper->thread, NULL);
	pthread_cond_destroy(&reaper->given);
	pthread_mutex_destroy(&reaper->lock);
	free(reaper);
}

void srv_reaper_take(struct srv_reaper *reaper, struct srv_remains *remains)
{
	pthread_mutex_lock(&reaper->lock);
	remains->next = reaper->remains;
	reaper->remains = remains;
	pthread_cond_signal(&reaper->given);
	pthread_mutex_unlock(&reaper->lock);
}
