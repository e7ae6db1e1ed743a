/*
 * helper - a thread that runs jobs one after the other, and tells the loop of each when it is done.
 *
 *     loop:   helper_submit(job) ............................ job->done
 *     thread:                     job->run (writes, fsyncs)
 *
 *   1. jobs run in the order in which they were submitted, one at a time
 *   2. done is called on the loop thread, once, in that order too
 *   3. between submit and done the job belongs to the thread: the loop leaves it alone
 *
 * Owner: helper_new/helper_free. A job is embedded in what it is about. Cost: a wake-up of the thread
 * and one of the loop, where they sleep.
 */
#ifndef HF_NODE_PERSIST_HELPER_H
#define HF_NODE_PERSIST_HELPER_H

#include <ev.h>

#include "common/list.h"

struct helper;

struct helper_job {
    struct list node;
    void (*run)(struct helper_job *job);
    void (*done)(struct helper_job *job); /* may submit again, or free what the job stands in */
};

/* NULL: no thread could be started; out_why says why. */
struct helper *helper_new(struct ev_loop *loop, struct errmsg *out_why);
void helper_free(struct helper *h); /* after helper_wait; NULL does nothing */

void helper_submit(struct helper *h, struct helper_job *job);
/* Holds the loop until every job that was submitted is done, those that done submits too. */
void helper_wait(struct helper *h);

#endif
