/*
 * settings_lines - the node's directives that have a grammar of their own: what their rows call to read
 * words, answer CONFIG GET and write their lines. Included by settings.c alone.
 */
#ifndef HF_NODE_SETTINGS_LINES_H
#define HF_NODE_SETTINGS_LINES_H

#include "node/settings.h"

void save_clear(void *values);
enum err save_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why);
void save_get(void *values, struct buf *out);
void save_lines(void *values, struct buf *out);
enum err notify_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why);
void notify_get(void *values, struct buf *out);
void notify_lines(void *values, struct buf *out);
enum err replicaof_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why);
void replicaof_get(void *values, struct buf *out);
void replicaof_lines(void *values, struct buf *out);
void replicaof_fini(void *values);

#endif
