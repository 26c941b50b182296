#include "aside.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "threads.h"

struct srv_aside {
	pthread_t thread;
	pthread_mutex_t lock; /* of everything below */
	pthread_cond_t given;
	struct srv_errand *newest;
	bool stop;
};

static void *aside_main(void *arg)
{
	struct srv_aside *aside = arg;
	struct srv_errand *one;

	pthread_mutex_lock(&aside->lock);
	while (aside->newest || !aside->stop) {
		one = aside->newest;
		if (!one) {
			pthread_cond_wait(&aside->given, &aside->lock);
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

	if (!aside)
		return NULL;
	pthread_mutex_init(&aside->lock, NULL);
	pthread_cond_init(&aside->given, NULL);
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
