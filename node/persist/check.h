/*
 * check - holdfast-node --check FILE: what is in an RDB, an append only file or its manifest, and where
 * it breaks. Nothing is run, and nothing is written but with --fix.
 */
#ifndef HF_NODE_PERSIST_CHECK_H
#define HF_NODE_PERSIST_CHECK_H

#include "common/err.h"

struct keyspace;

/* Prints to stdout. types: an empty keyspace that knows the types. fix: the torn end of an append only file
 * is cut off. The exit code: 0 whole (or mended), 1 broken, 2 it cannot be read. */
int check_file(const char *path, const struct keyspace *types, bool fix);

#endif
