/*
 * survey - everything that a deployment says of itself: what each sentinel of a group answers, and each node.
 *
 * {"group", "sentinels": [sentinel], "nodes": [node]}, where
 *
 *   sentinel  {address, error | {id, leader, quorum, down_after_ms, …, clock_ms, nodes: [as facts.h has
 *              them], peers: [{address, id, state}]}}
 *              paused, durable: {level, min_sync, in_sync, serves, votes, members, voters, lacks}: of a Holdfast
 *              sentinel, and of a durable group whose register it has read
 *   node      {address, error | {role, redis_version, …, clock_ms, settings: {name: value}}}
 *
 * certificate_left_s, of both, where they were reached by TLS.
 *
 * Settings hold passwords where a node tells them: they are there to be compared, and nobody prints them.
 */
#ifndef HF_SENTINEL_CTL_SURVEY_H
#define HF_SENTINEL_CTL_SURVEY_H

#include "sentinel/ctl/facts.h"

/* The sentinels of a group: those of the options, then those that the ones which answer know; *out_count of them in
 * out, which holds TARGETS_MAX. Where none answers for the group: the most telling error (struct trouble). */
enum err survey_sentinels(const struct options *o, const char *group, struct target *out,
                          int *out_count, struct errmsg *out_why) MUST_CHECK;
/* The whole; the caller deletes it. The same errors. */
enum err survey_group(const struct options *o, const char *group, cJSON **out,
                      struct errmsg *out_why) MUST_CHECK;
/* The names of all groups that the first sentinel which answers watches, added to names. */
enum err survey_groups(const struct options *o, cJSON *names, struct errmsg *out_why) MUST_CHECK;

#endif
