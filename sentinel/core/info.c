#include "sentinel/core/info.h"

#include <stdio.h>
#include <string.h>

/* The part of text up to a separator; *rest is what stands behind it. */
static struct bytes cut(struct bytes text, char separator, struct bytes *rest)
{
    const char *at = text.len > 0 ? memchr(text.at, separator, text.len) : NULL;
    struct bytes head = text;

    if (!at) {
        *rest = (struct bytes){ text.at + text.len, 0 };
        return head;
    }
    head.len = (size_t)(at - text.at);
    *rest = (struct bytes){ at + 1, text.len - head.len - 1 };
    return head;
}

static bool starts(struct bytes text, const char *with, size_t len)
{
    return text.len >= len && memcmp(text.at, with, len) == 0;
}

static void read_id(char *out, struct bytes value)
{
    if (value.len != ID_LEN)
        return;
    for (size_t i = 0; i < ID_LEN; i++)
        if (!strchr("0123456789abcdefABCDEF", value.at[i]) || value.at[i] == '\0')
            return;
    memcpy(out, value.at, ID_LEN);
    out[ID_LEN] = '\0';
}

static uint64_t read_u64(struct bytes value, uint64_t otherwise)
{
    uint64_t n;

    return bytes_to_u64(value, &n) ? n : otherwise;
}

static void read_run_id(struct facts *f, struct bytes v)
{
    read_id(f->run_id, v);
}

static void read_server(struct facts *f, struct bytes v)
{
    f->holdfast = bytes_is(v, "holdfast");
}

static void read_version(struct facts *f, struct bytes v)
{
    uint32_t version = 0;

    for (int i = 0; i < 3; i++) {
        struct bytes part = cut(v, '.', &v);
        uint64_t n = read_u64(part, 256);

        if (n > 255)
            return;
        version = version << 8 | (uint32_t)n;
    }
    f->version = version;
}

static void read_role(struct facts *f, struct bytes v)
{
    if (bytes_is(v, "master"))
        f->role = ROLE_LEADER;
    else if (bytes_is(v, "slave"))
        f->role = ROLE_FOLLOWER;
}

static void read_loading(struct facts *f, struct bytes v)
{
    f->loading = bytes_is(v, "1");
}

static void read_failover_state(struct facts *f, struct bytes v)
{
    f->has_failover = true;
    f->failover_running = !bytes_is(v, "no-failover");
}

static void read_leader_host(struct facts *f, struct bytes v)
{
    if (v.len == 0 || v.len > HOST_LEN_MAX)
        return;
    memcpy(f->leader.host, v.at, v.len);
    f->leader.host[v.len] = '\0';
}

static void read_leader_port(struct facts *f, struct bytes v)
{
    uint64_t port = read_u64(v, 0);

    if (port <= 65535)
        f->leader.port = (int)port;
}

static void read_link(struct facts *f, struct bytes v)
{
    f->link_up = bytes_is(v, "up");
}

static void read_syncing(struct facts *f, struct bytes v)
{
    f->syncing = bytes_is(v, "1");
}

static void read_link_down(struct facts *f, struct bytes v)
{
    uint64_t seconds = read_u64(v, 0);

    f->link_down_ms = seconds < UINT64_MAX / 1000 ? seconds * 1000 : 0;
}

static void read_priority(struct facts *f, struct bytes v)
{
    uint64_t n = read_u64(v, f->priority);

    f->priority = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static void read_slave_offset(struct facts *f, struct bytes v)
{
    f->offset = read_u64(v, f->offset);
}

/* A follower prints both; its own position is slave_repl_offset, which comes first. */
static void read_master_offset(struct facts *f, struct bytes v)
{
    if (f->role != ROLE_FOLLOWER)
        f->offset = read_u64(v, f->offset);
}

static void read_bound(struct facts *f, struct bytes v)
{
    f->bound = v.len > 0;
}

static void read_announced(struct facts *f, struct bytes v)
{
    f->announced = !bytes_is(v, "0");
}

static void read_replid(struct facts *f, struct bytes v)
{
    read_id(f->replid, v);
}

static void read_replid2(struct facts *f, struct bytes v)
{
    read_id(f->replid2, v);
}

static void read_backlog_first(struct facts *f, struct bytes v)
{
    f->backlog_first = read_u64(v, 0);
}

static const struct field {
    struct bytes name;
    void (*read)(struct facts *f, struct bytes value);
} fields[] = {
    { BYTES("run_id"), read_run_id },
    { BYTES("server_name"), read_server },
    { BYTES("redis_version"), read_version },
    { BYTES("loading"), read_loading },
    { BYTES("role"), read_role },
    { BYTES("master_host"), read_leader_host },
    { BYTES("master_port"), read_leader_port },
    { BYTES("master_link_status"), read_link },
    { BYTES("master_sync_in_progress"), read_syncing },
    { BYTES("master_link_down_since_seconds"), read_link_down },
    { BYTES("slave_repl_offset"), read_slave_offset },
    { BYTES("slave_priority"), read_priority },
    { BYTES("replica_announced"), read_announced },
    { BYTES("hf_group"), read_bound },
    { BYTES("master_failover_state"), read_failover_state },
    { BYTES("master_replid"), read_replid },
    { BYTES("master_replid2"), read_replid2 },
    { BYTES("master_repl_offset"), read_master_offset },
    { BYTES("repl_backlog_first_byte_offset"), read_backlog_first },
};

static void add_follower(struct info *out, struct info_follower f)
{
    if (f.host.len == 0 || f.host.len > HOST_LEN_MAX || f.port < 1 || f.port > 65535)
        return;
    if (out->follower_count < INFO_FOLLOWERS_MAX)
        out->followers[out->follower_count++] = f;
}

/* slave0:ip=10.0.0.2,port=6380,state=online,offset=14,lag=0 */
static void read_follower(struct info *out, struct bytes value)
{
    struct info_follower f = { 0 };

    while (value.len > 0) {
        struct bytes pair = cut(value, ',', &value), text;
        struct bytes key = cut(pair, '=', &text);

        if (bytes_is(key, "ip"))
            f.host = text;
        else if (bytes_is(key, "port"))
            f.port = (int)read_u64(text, 0);
        else if (bytes_is(key, "offset"))
            f.offset = read_u64(text, 0);
    }
    add_follower(out, f);
}

/* slave0:10.0.0.2,6380,online: as printed before Redis 2.8. */
static void read_follower_old(struct info *out, struct bytes value)
{
    struct info_follower f = { 0 };

    f.host = cut(value, ',', &value);
    f.port = (int)read_u64(cut(value, ',', &value), 0);
    add_follower(out, f);
}

/* db0:keys=3,expires=0,avg_ttl=0 */
static void read_keys(struct info *out, struct bytes value)
{
    if (starts(value, "keys=", 5)) {
        struct bytes text = { value.at + 5, value.len - 5 };

        out->facts.keys += read_u64(cut(text, ',', &text), 0);
    }
}

static bool is_numbered(struct bytes name, const char *word, size_t len)
{
    if (!starts(name, word, len) || name.len == len || name.len > len + 6)
        return false;
    for (size_t i = len; i < name.len; i++)
        if (name.at[i] < '0' || name.at[i] > '9')
            return false;
    return true;
}

static void read_line(struct info *out, struct bytes line)
{
    struct bytes value, name = cut(line, ':', &value);

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (bytes_eq(name, fields[i].name)) {
            fields[i].read(&out->facts, value);
            return;
        }
    }
    if (is_numbered(name, "slave", 5)) {
        if (starts(value, "ip=", 3))
            read_follower(out, value);
        else
            read_follower_old(out, value);
    } else if (is_numbered(name, "db", 2)) {
        read_keys(out, value);
    } else if (bytes_is(line, "# Keyspace")) {
        out->facts.keys_known = true;
    }
}

void info_parse(struct info *out, struct bytes text)
{
    out->facts = (struct facts){ .priority = 100, .announced = true };
    out->follower_count = 0;
    while (text.len > 0) {
        struct bytes line = cut(text, '\n', &text);

        if (line.len > 0 && line.at[line.len - 1] == '\r')
            line.len--;
        if (line.len > 0)
            read_line(out, line);
    }
    if (out->facts.role != ROLE_FOLLOWER)
        out->facts.leader = (struct addr){ 0 };
}

const char *role_word(enum role role)
{
    return role == ROLE_LEADER ? "master" : "slave";
}
