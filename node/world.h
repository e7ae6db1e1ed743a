/*
 * world - the node's rooms, by pointer and forward-declared: a handler reaches the room whose header
 * it includes, and no room learns of another by accident. main.c fills it; call->world points to it.
 */
#ifndef HF_NODE_WORLD_H
#define HF_NODE_WORLD_H

struct ev_loop;
struct acl;
struct aof;
struct command;
struct command_table;
struct http;
struct info;
struct keyspace;
struct membership;
struct metrics;
struct oplog;
struct replica;
struct persist;
struct script;
struct serve;
struct server_net;
struct service;
struct settings;
struct node_settings;

struct node_world {
    struct ev_loop *loop;
    struct settings *settings; /* the table */
    struct node_settings *set; /* its values */
    struct keyspace *keyspace;
    struct oplog *oplog;
    struct replica *replica;       /* who leads, who follows, how far */
    struct membership *membership; /* in a durable group */
    struct persist *persist;       /* snapshots */
    struct aof *aof;               /* the append only file */
    struct script *script;         /* Lua */
    struct service *service;       /* client sessions, what both daemons share of them */
    struct serve *serve;           /* and what only a node does */
    struct command_table *commands;
    const struct command *const *debug_rows; /* of DEBUG, a list of arrays ended by NULL */
    struct acl *acl;
    struct info *info;
    struct server_net *net; /* doors and certificates */
    struct http *http;      /* metrics and health */
    struct metrics *metrics;
};

#endif
