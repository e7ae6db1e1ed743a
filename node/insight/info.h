/*
 * info - the text of INFO, put together from what each room tells.
 *
 * A room registers parts: a section, a rank that says where in the section it stands, and a function
 * that writes whole lines ("name:value\r\n"). insight knows the sections, their order and which of
 * them `INFO` without arguments shows; it knows no room.
 *
 * The names and their order are Redis 7.0's (`tests/e2e` compares); ours come at a section's end.
 *
 * Owner: info_new/info_free; rows outlive it. Cost: what the parts cost; INFO asks each at most once.
 */
#ifndef HF_NODE_INSIGHT_INFO_H
#define HF_NODE_INSIGHT_INFO_H

#include "common/bytes.h"
#include "common/command.h"

struct info;
struct node_world;

enum info_section {
    INFO_SERVER,
    INFO_CLIENTS,
    INFO_MEMORY,
    INFO_PERSISTENCE,
    INFO_STATS,
    INFO_REPLICATION,
    INFO_CPU,
    INFO_MODULES,
    INFO_COMMANDSTATS,
    INFO_ERRORSTATS,
    INFO_LATENCYSTATS,
    INFO_CLUSTER,
    INFO_KEYSPACE,
    INFO_SECTIONS
};

/* Ranks leave room: Redis's fields of one owner in a row share a part. 1000 and above: ours. */
struct info_part {
    enum info_section section;
    int rank;
    void (*write)(struct node_world *w, struct buf *out);
};

struct info *info_new(void);
void info_free(struct info *i);
/* parts end with one without a function. */
void info_add(struct info *i, const struct info_part *parts);

/* count 0: the default sections. Words may be section names, default, all, everything. */
void info_write(const struct info *i, struct node_world *w, int count, const struct bytes *words,
                struct buf *out);

/* "name:value\r\n" */
void info_line(struct buf *out, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);
/* name and name_human. */
void info_bytes(struct buf *out, const char *name, uint64_t bytes);
/* "1.50M" as Redis writes sizes for people; out holds 32 bytes. */
void info_human(char *out, uint64_t bytes);

extern const struct command info_rows[];
extern const struct info_part info_parts[]; /* server, cpu, modules, cluster */

#endif
