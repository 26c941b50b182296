#include "aside.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "pages.h"
#include "threads.h"

enum { AGE_SECONDS = 5 }; /* kept memory goes after once to twice as long */

struct srv_aside {
	pthread_t thread;
	pthread_mutex_t lock; /* of everything below */
	pthread_cond_t given;
	struct srv_errand *newest;
	struct timespec age_at;
	bool stop;
};

/* Gives back what memory is kept for nobody, if it is time for that; for so long
 * the lock is not held. */
static void age_memory(struct srv_aside *aside)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec < aside->age_at.tv_sec)
		return;
	aside->age_at.tv_sec = now.tv_sec + AGE_SECONDS;
	pthread_mutex_unlock(&aside->lock);
	api_pages_age();
	pthread_mutex_lock(&aside->lock);
}

static void *aside_main(void *arg)
{
	struct srv_aside *aside = arg;
	struct srv_errand *one;

	pthread_mutex_lock(&aside->lock);
	for (;;) {
		age_memory(aside);
		one = aside->newest;
		if (!one && aside->stop)
			break;
		if (!one) {
			pthread_cond_timedwait(&aside->given, &aside->lock, &aside->age_at);
			continue;
		}
		aside->newest = one->next;
		pthread_mutex_unlock(&aside->lock);
		one->run(one);
		pthread_mutex_lock(&aside->lock);
	}
	pthread_mutex_unlock(&aside->lock);
	return NULL;
}

struct srv_aside *srv_aside_new(void)
{
	struct srv_aside *aside = calloc(1, sizeof *aside);
	pthread_condattr_t attributes;

	if (!aside)
		return NULL;
	pthread_mutex_init(&aside->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&aside->given, &attributes);
	pthread_condattr_destroy(&attributes);
	if (srv_thread_start(&aside->thread, "lossd-aside", aside_main, aside))
		return aside;
	free(aside);
	return NULL;
}

void srv_aside_free(struct srv_aside *aside)
{
	if (!aside)
		return;
	pthread_mutex_lock(&aside->lock);
	aside->stop = true;
	pthread_cond_signal(&aside->given);
	pthread_mutex_unlock(&aside->lock);
	pthread_join(aside->thread, NULL);
	pthread_cond_destroy(&aside->given);
	pthread_mutex_destroy(&aside->lock);
	free(aside);
}

void srv_aside_take(struct srv_aside *aside, struct srv_errand *errand)
{
	pthread_mutex_lock(&aside->lock);
	errand->next = aside->newest;
	aside->newest = errand;
	pthread_cond_signal(&aside->given);
	pthread_mutex_unlock(&aside->lock);
}
