/*
 * live_settings - what happens when CONFIG SET changes something that a room must hear of at once.
 *
 * Most settings need nothing: rooms read the struct where they use it.
 */
#ifndef HF_NODE_LIVE_SETTINGS_H
#define HF_NODE_LIVE_SETTINGS_H

#include "common/err.h"

struct node_world;

/* Registers the hooks; the rooms must stand before CONFIG SET is served. */
void live_settings_hook(struct node_world *w);
/* At start, after the rooms exist: the same functions, once. */
enum err live_settings_begin(struct node_world *w, struct errmsg *out_why) MUST_CHECK;
/* Opens the log where the settings say. */
enum err live_settings_log(const struct node_world *w, struct errmsg *out_why) MUST_CHECK;

#endif
