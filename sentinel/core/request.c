#include "sentinel/core/request.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/alloc.h"
#include "sentinel/core/group.h"
#include "sentinel/core/node.h"
#include "sentinel/core/notice.h"
#include "sentinel/core/peer.h"
#include "sentinel/core/vote.h"

#define GROUP_OF(n) LIST_ENTRY(n, struct group, of_sentinel)

static const char no_such[] = "ERR No such master with that name";

void request_monitor(struct sentinel *s, const struct event *ev, struct actions *out)
{
    struct group_settings set = { 0 };
    struct group *g;

    if (sentinel_find_group(s, bytes_of(ev->monitor.name))) {
        answer_error(out, ev->token, "ERR Duplicate master name.");
        return;
    }
    if (s->group_count >= GROUPS_MAX) {
        answer_error(out, ev->token, "ERR more than %d masters are not watched by one sentinel",
                     GROUPS_MAX);
        return;
    }
    group_settings_defaults(&set);
    set.quorum = ev->monitor.quorum;
    set.down_after_ms = s->debug_ms[T_DEFAULT_DOWN_AFTER];
    set.failover_timeout_ms = s->debug_ms[T_DEFAULT_FAILOVER_TIMEOUT];
    g = group_add(s, ev->monitor.name, &ev->monitor.addr, &set);
    if (ev->monitor.ip)
        snprintf(g->leader->ip, sizeof g->leader->ip, "%s", ev->monitor.ip);
    group_settings_fini(&set);
    persist_group(g, REC_GROUP_ADD, out);
    vote_forgot(s, g, s->current_epoch, out);
    notice(s, out, LEVEL_WARNING, g, "+monitor", "%s quorum %u", inst_group(s, g).text,
           g->set.quorum);
    answer_ok(out, ev->token);
}

void request_remove(struct sentinel *s, const struct event *ev, struct actions *out)
{
    struct group *g = sentinel_find_group(s, bytes_of(ev->remove.name));

    if (!g) {
        answer_error(out, ev->token, no_such);
        return;
    }
    notice(s, out, LEVEL_WARNING, g, "-monitor", "%s", inst_group(s, g).text);
    persist_group(g, REC_GROUP_REMOVE, out);
    /* The record borrows the settings only in adding; the group may go. */
    out->at[out->count - 1].record->set = NULL;
    group_remove(s, g, out);
    answer_ok(out, ev->token);
}

static bool set_ms(uint64_t *at, struct bytes v)
{
    uint64_t n;

    if (!bytes_to_u64(v, &n) || n == 0 || n > INT64_MAX)
        return false;
    *at = n;
    return true;
}

static bool set_count(uint32_t *at, struct bytes v)
{
    uint64_t n;

    if (!bytes_to_u64(v, &n) || n == 0 || n > INT32_MAX)
        return false;
    *at = (uint32_t)n;
    return true;
}

/* Texts end up in records and in a file of lines. */
static bool is_text(struct bytes v, size_t len_max)
{
    for (size_t i = 0; i < v.len; i++)
        if ((unsigned char)v.at[i] < ' ')
            return false;
    return v.len <= len_max;
}

static bool set_text(char **at, struct bytes v)
{
    if (!is_text(v, TEXT_LEN_MAX))
        return false;
    xfree(*at);
    *at = v.len > 0 ? xmemdup0(v.at, v.len) : NULL;
    return true;
}

static bool set_down_after(struct group_settings *set, const struct bytes *v)
{
    return set_ms(&set->down_after_ms, v[0]);
}

static bool set_failover_timeout(struct group_settings *set, const struct bytes *v)
{
    return set_ms(&set->failover_timeout_ms, v[0]);
}

static bool set_parallel_syncs(struct group_settings *set, const struct bytes *v)
{
    return set_count(&set->parallel_syncs, v[0]);
}

static bool set_quorum(struct group_settings *set, const struct bytes *v)
{
    return set_count(&set->quorum, v[0]);
}

static bool set_notification_script(struct group_settings *set, const struct bytes *v)
{
    return set_text(&set->notification_script, v[0]);
}

static bool set_reconfig_script(struct group_settings *set, const struct bytes *v)
{
    return set_text(&set->client_reconfig_script, v[0]);
}

static bool set_auth_pass(struct group_settings *set, const struct bytes *v)
{
    return set_text(&set->auth_pass, v[0]);
}

static bool set_auth_pass_fallback(struct group_settings *set, const struct bytes *v)
{
    return set_text(&set->auth_pass_fallback, v[0]);
}

static bool set_auth_user(struct group_settings *set, const struct bytes *v)
{
    return set_text(&set->auth_user, v[0]);
}

static bool set_rename(struct group_settings *set, const struct bytes *v)
{
    if (v[0].len == 0 || v[1].len == 0 || !is_text(v[0], RENAME_LEN_MAX) ||
        !is_text(v[1], RENAME_LEN_MAX))
        return false;
    return group_settings_rename(set, v[0], v[1]) == OK;
}

static bool set_reboot(struct group_settings *set, const struct bytes *v)
{
    uint64_t n;

    if (!bytes_to_u64(v[0], &n) || n > INT64_MAX)
        return false;
    set->master_reboot_down_after_ms = n;
    return true;
}

static bool set_fast_detection(struct group_settings *set, const struct bytes *v)
{
    static const char *const words[] = {
        [FAST_AUTO] = "auto", [FAST_YES] = "yes", [FAST_NO] = "no"
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (bytes_is_word(v[0], words[i])) {
            set->fast_detection = (enum fast_detection)i;
            return true;
        }
    }
    return false;
}

static bool set_durability(struct group_settings *set, const struct bytes *v)
{
    for (int i = 0; i < KEEP_COUNT; i++) {
        if (bytes_is_word(v[0], keep_word((enum keep)i))) {
            set->durability = (enum keep)i;
            return true;
        }
    }
    return false;
}

static bool set_tls(struct group_settings *set, const struct bytes *v)
{
    return group_tls_of(v[0], &set->tls);
}

static bool set_busy_failover(struct group_settings *set, const struct bytes *v)
{
    return busy_failover_of(v[0], &set->busy_failover_ms);
}

enum option_flag { OPTION_SCRIPT = 1u << 0, OPTION_AUTH = 1u << 1, OPTION_SECRET = 1u << 2 };

static const struct option {
    const char *name;
    int values;
    uint32_t flags;
    bool (*set)(struct group_settings *set, const struct bytes *v);
} options[] = {
    { "down-after-milliseconds", 1, 0, set_down_after },
    { "failover-timeout", 1, 0, set_failover_timeout },
    { "parallel-syncs", 1, 0, set_parallel_syncs },
    { "quorum", 1, 0, set_quorum },
    { "notification-script", 1, OPTION_SCRIPT, set_notification_script },
    { "client-reconfig-script", 1, OPTION_SCRIPT, set_reconfig_script },
    { "auth-pass", 1, OPTION_AUTH | OPTION_SECRET, set_auth_pass },
    { "auth-pass-fallback", 1, OPTION_AUTH | OPTION_SECRET, set_auth_pass_fallback },
    { "auth-user", 1, OPTION_AUTH, set_auth_user },
    { "rename-command", 2, 0, set_rename },
    { "master-reboot-down-after-period", 1, 0, set_reboot },
    { "primary-reboot-down-after-period", 1, 0, set_reboot },
    { "fast-detection", 1, 0, set_fast_detection },
    { "durability", 1, 0, set_durability },
    { "busy-failover", 1, 0, set_busy_failover },
    { "tls", 1, OPTION_AUTH, set_tls },
};

static const struct option *find_option(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (strcasecmp(options[i].name, name) == 0)
            return &options[i];
    return NULL;
}

/* Tries all of them on a copy; *out_flags is what any of them asks for. */
static bool apply_options(const struct sentinel *s, const struct event *ev,
                          struct group_settings *set, uint32_t *out_flags, struct actions *out)
{
    for (size_t i = 0; i < ev->set.count; i++) {
        const struct set_option *given = &ev->set.options[i];
        const struct option *o = find_option(given->name);

        if (!o || given->incomplete) {
            answer_error(out, ev->token,
                         "ERR Unknown option or number of arguments for SENTINEL SET '%s'",
                         given->name);
            return false;
        }
        if ((o->flags & OPTION_SCRIPT) && s->globals.deny_scripts_reconfig) {
            answer_error(
                out, ev->token,
                "ERR Reconfiguration of scripts path is denied for security reasons. Check "
                "the deny-scripts-reconfig configuration directive in your Sentinel "
                "configuration");
            return false;
        }
        if (!o->set(set, given->values)) {
            answer_error(out, ev->token, "ERR Invalid argument '%.*s' for SENTINEL SET '%s'",
                         (int)given->values[0].len, given->values[0].at, given->name);
            return false;
        }
        *out_flags |= o->flags;
    }
    return true;
}

static void tell_options(struct sentinel *s, struct group *g, const struct event *ev,
                         struct actions *out)
{
    for (size_t i = 0; i < ev->set.count; i++) {
        const struct set_option *given = &ev->set.options[i];
        const struct option *o = find_option(given->name);
        struct bytes first = given->values[0], second = given->values[1];

        if (o->flags & OPTION_SECRET)
            first = BYTES("******");
        if (o->values < 2)
            second.len = 0;
        notice(s, out, LEVEL_WARNING, g, "+set", "%s %s %.*s%s%.*s", inst_group(s, g).text,
               given->name, (int)first.len, first.at, second.len ? " " : "", (int)second.len,
               second.len ? second.at : "");
    }
}

void request_set(struct sentinel *s, const struct event *ev, struct actions *out)
{
    struct group *g = sentinel_find_group(s, bytes_of(ev->set.name));
    struct group_settings set = { 0 };
    uint32_t flags = 0;

    if (!g) {
        answer_error(out, ev->token, no_such);
        return;
    }
    group_settings_copy(&set, &g->set);
    if (!apply_options(s, ev, &set, &flags, out)) {
        group_settings_fini(&set);
        return;
    }
    group_settings_fini(&g->set);
    g->set = set;
    persist_group(g, REC_GROUP_SET, out);
    tell_options(s, g, ev, out);
    EACH_NODE (g, link) {
        if (flags & OPTION_AUTH)
            node_redial(s, NODE_OF(link), out);
        node_tick(s, NODE_OF(link), out);
    }
    group_mark(s, g);
    answer_ok(out, ev->token);
}

void request_reset(struct sentinel *s, const struct event *ev, struct actions *out)
{
    int64_t count = 0;

    LIST_EACH (&s->groups, link) {
        struct group *g = GROUP_OF(link);

        if (!glob_match(ev->reset.pattern, bytes_of(g->name), false))
            continue;
        group_reset(s, g, out);
        count++;
    }
    answer_integer(out, ev->token, count);
}

void request_simulate(struct sentinel *s, const struct event *ev, struct actions *out)
{
    s->simulate = ev->simulate;
    answer_ok(out, ev->token);
}

static void tick_everything(struct sentinel *s, struct actions *out)
{
    LIST_EACH (&s->groups, link) {
        EACH_NODE (GROUP_OF(link), of)
            node_tick(s, NODE_OF(of), out);
        group_mark(s, GROUP_OF(link));
    }
    LIST_EACH (&s->peers, link)
        peer_tick(s, PEER_OF(link), out);
}

void request_debug(struct sentinel *s, const struct event *ev, struct actions *out)
{
    s->debug_ms[ev->debug.timer] = ev->debug.value_ms;
    tick_everything(s, out);
    answer_ok(out, ev->token);
}

static bool text_differs(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") != 0;
}

void request_globals(struct sentinel *s, const struct event *ev, struct actions *out)
{
    const struct globals *now = ev->globals;
    bool redial = text_differs(s->globals.sentinel_user, now->sentinel_user) ||
                  text_differs(s->globals.sentinel_pass, now->sentinel_pass);

    globals_copy(&s->globals, now);
    persist_globals(s, out);
    LIST_EACH (&s->peers, link)
        if (redial)
            peer_redial(s, PEER_OF(link), out);
    LIST_EACH (&s->groups, link)
        group_spread(s, GROUP_OF(link), out);
    answer_ok(out, ev->token);
}
