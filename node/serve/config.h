/*
 * config - CONFIG GET, SET, REWRITE, RESETSTAT and HELP: the settings table as commands.
 *
 * call->world is a struct node_world; it reads settings, set and keyspace of it. Source: Redis 7.0.
 */
#ifndef HF_NODE_SERVE_CONFIG_H
#define HF_NODE_SERVE_CONFIG_H

#include "common/command.h"

extern const struct command node_config_rows[];
extern const struct command config_debug_subs[]; /* config-rewrite-force-all */

#endif
