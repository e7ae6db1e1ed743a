#include "sentinel/state/conf.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/alloc.h"

/* What a directive's function works on. argv[0] is the directive. */
struct reading {
    struct sentinel_settings *set;
    struct config *c;
    struct config_group *group; /* of directives that name one */
    const struct bytes *argv;
    struct errmsg *why;
};

static enum err refuse(const struct reading *r, const char *sentence)
{
    errmsg_set(r->why, "%s", sentence);
    return ERR_SYNTAX;
}

static char *copy(struct bytes text)
{
    return xmemdup0(text.at, text.len);
}

static void replace_text(char **slot, struct bytes text)
{
    xfree(*slot);
    *slot = text.len ? copy(text) : NULL;
}

static bool yes_or_no(struct bytes word, bool *out)
{
    if (!bytes_is_word(word, "yes") && !bytes_is_word(word, "no"))
        return false;
    *out = bytes_is_word(word, "yes");
    return true;
}

/* Redis does not know this line: it is written again only where somebody wrote it. */
static void note_ours(struct reading *r)
{
    struct sentinel_settings *set = r->set;
    struct buf line = { 0 };

    buf_add(&line, r->argv[0]);
    for (size_t i = 0; i < line.len; i++)
        line.at[i] = (char)tolower((unsigned char)line.at[i]);
    buf_printf(&line, " %s", r->group ? r->group->name : CONF_NO_GROUP);
    buf_text(&line);
    set->ours_in_file =
        xrealloc(set->ours_in_file, (set->ours_in_file_count + 1) * sizeof *set->ours_in_file);
    set->ours_in_file[set->ours_in_file_count++] = line.at;
}

static bool is_id(struct bytes id)
{
    if (id.len != ID_LEN)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (!isalnum((unsigned char)id.at[i]))
            return false;
    return true;
}

/* ---- globals ----------------------------------------------------------------------------------- */

static enum err read_my_id(struct reading *r)
{
    if (!is_id(r->argv[1]))
        return refuse(r, "Malformed Sentinel id in myid option.");
    memcpy(r->c->globals.my_id, r->argv[1].at, ID_LEN);
    return OK;
}

static enum err read_announce_ip(struct reading *r)
{
    replace_text(&r->c->globals.announce_ip, r->argv[1]);
    return OK;
}

static enum err read_announce_port(struct reading *r)
{
    int64_t port;

    if (!bytes_to_i64(r->argv[1], &port) || port < 0 || port > 65535)
        return refuse(r, "Invalid port number.");
    r->c->globals.announce_port = (int)port;
    return OK;
}

static enum err read_deny_scripts(struct reading *r)
{
    if (!yes_or_no(r->argv[1], &r->c->globals.deny_scripts_reconfig))
        return refuse(r, "Please specify yes or no for the deny-scripts-reconfig options.");
    return OK;
}

static enum err read_resolve(struct reading *r)
{
    if (!yes_or_no(r->argv[1], &r->c->globals.resolve_hostnames))
        return refuse(r, "Please specify yes or no for the resolve-hostnames option.");
    return OK;
}

static enum err read_announce_names(struct reading *r)
{
    if (!yes_or_no(r->argv[1], &r->c->globals.announce_hostnames))
        return refuse(r, "Please specify yes or no for the announce-hostnames option.");
    return OK;
}

static enum err read_user(struct reading *r)
{
    replace_text(&r->c->globals.sentinel_user, r->argv[1]);
    return OK;
}

static enum err read_pass(struct reading *r)
{
    replace_text(&r->c->globals.sentinel_pass, r->argv[1]);
    return OK;
}

static enum err read_pass_fallback(struct reading *r)
{
    replace_text(&r->c->globals.sentinel_pass_fallback, r->argv[1]);
    note_ours(r);
    return OK;
}

static enum err read_current_epoch(struct reading *r)
{
    uint64_t epoch;

    if (!bytes_to_u64(r->argv[1], &epoch) || epoch > EPOCH_MAX)
        return refuse(r, "Invalid epoch.");
    if (epoch > r->c->current_epoch)
        r->c->current_epoch = epoch;
    return OK;
}

static enum err read_state_file(struct reading *r)
{
    replace_text(&r->set->state_file, r->argv[1]);
    return OK;
}

/* ---- monitor ----------------------------------------------------------------------------------- */

/* Host and port at argv[at]. Names are resolved when they are dialled: a name server that is down must
 * not keep a sentinel from starting. */
static enum err read_addr(struct reading *r, int at, struct addr *out)
{
    int64_t port;

    if (!bytes_to_i64(r->argv[at + 1], &port) || port < 1 || port > 65535)
        return refuse(r, "Invalid port number.");
    if (!addr_set(out, r->argv[at], port) ||
        (!r->c->globals.resolve_hostnames && !host_is_address(out->host)))
        return refuse(r, "Can't resolve instance hostname.");
    return OK;
}

static bool is_name(struct bytes name)
{
    return name.len > 0 && name.len <= NAME_LEN_MAX && !memchr(name.at, '\0', name.len);
}

static enum err read_monitor(struct reading *r)
{
    struct addr leader = { .port = 0 };
    int64_t quorum;
    enum err e;

    if (!is_name(r->argv[1]))
        return refuse(r, "A master name has 1 to 255 characters.");
    if (!bytes_to_i64(r->argv[4], &quorum) || quorum > UINT32_MAX)
        return refuse(r, "Invalid quorum.");
    if (quorum <= 0)
        return refuse(r, "Quorum must be 1 or greater.");
    if (r->group)
        return refuse(r, "Duplicate master name.");
    if (r->c->group_count == GROUPS_MAX)
        return refuse(r, "Too many masters are monitored.");
    e = read_addr(r, 2, &leader);
    if (e == OK) {
        AUTO_FREE char *name = copy(r->argv[1]);
        struct config_group *g = config_add_group(r->c, name);

        g->leader = leader;
        g->set.quorum = (uint32_t)quorum;
    }
    return e;
}

/* ---- of one group ------------------------------------------------------------------------------ */

static enum err read_time(struct reading *r, uint64_t min, const char *sentence, uint64_t *out)
{
    uint64_t ms;

    if (!bytes_to_u64(r->argv[2], &ms) || ms < min || ms > INT64_MAX)
        return refuse(r, sentence);
    *out = ms;
    return OK;
}

static const char below_one[] = "negative or zero time parameter.";

static enum err read_down_after(struct reading *r)
{
    return read_time(r, 1, below_one, &r->group->set.down_after_ms);
}

static enum err read_failover_timeout(struct reading *r)
{
    return read_time(r, 1, below_one, &r->group->set.failover_timeout_ms);
}

static enum err read_reboot_period(struct reading *r)
{
    return read_time(r, 0, "negative time parameter.", &r->group->set.master_reboot_down_after_ms);
}

static enum err read_parallel(struct reading *r)
{
    int64_t count;

    if (!bytes_to_i64(r->argv[2], &count) || count < 1 || count > INT32_MAX)
        return refuse(r, "parallel-syncs must be 1 or greater.");
    r->group->set.parallel_syncs = (uint32_t)count;
    return OK;
}

static bool is_executable(struct bytes path)
{
    AUTO_FREE char *text = copy(path);

    return access(text, X_OK) == 0;
}

static enum err read_notification_script(struct reading *r)
{
    if (!is_executable(r->argv[2]))
        return refuse(r, "Notification script seems non existing or non executable.");
    replace_text(&r->group->set.notification_script, r->argv[2]);
    return OK;
}

static enum err read_reconfig_script(struct reading *r)
{
    if (!is_executable(r->argv[2]))
        return refuse(r, "Client reconfiguration script seems non existing or non executable.");
    replace_text(&r->group->set.client_reconfig_script, r->argv[2]);
    return OK;
}

static enum err read_auth_pass(struct reading *r)
{
    replace_text(&r->group->set.auth_pass, r->argv[2]);
    return OK;
}

static enum err read_auth_user(struct reading *r)
{
    replace_text(&r->group->set.auth_user, r->argv[2]);
    return OK;
}

static enum err read_rename(struct reading *r)
{
    const struct group_settings *set = &r->group->set;

    if (r->argv[2].len > RENAME_LEN_MAX || r->argv[3].len > RENAME_LEN_MAX)
        return refuse(r, "The name of a command is longer than 255 bytes.");
    for (size_t i = 0; i < set->rename_count; i++)
        if (bytes_ieq(bytes_of(set->renames[i].command), r->argv[2]))
            return refuse(r, "Same command renamed multiple times with rename-command.");
    if (group_settings_rename(&r->group->set, r->argv[2], r->argv[3]) != OK)
        return refuse(r, "Too many commands are renamed.");
    return OK;
}

static enum err read_fast(struct reading *r)
{
    static const char *const words[] = {
        [FAST_AUTO] = "auto",
        [FAST_YES] = "yes",
        [FAST_NO] = "no",
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!bytes_is_word(r->argv[2], words[i]))
            continue;
        r->group->set.fast_detection = (enum fast_detection)i;
        note_ours(r);
        return OK;
    }
    return refuse(r, "Please specify auto, yes or no for the fast-detection option.");
}

static enum err read_durability(struct reading *r)
{
    for (int i = 0; i < KEEP_COUNT; i++) {
        if (!bytes_is_word(r->argv[2], keep_word((enum keep)i)))
            continue;
        r->group->set.durability = (enum keep)i;
        note_ours(r);
        return OK;
    }
    return refuse(r, "Please specify async, mem, os or fsync for the durability option.");
}

static enum err read_busy_failover(struct reading *r)
{
    if (!busy_failover_of(r->argv[2], &r->group->set.busy_failover_ms))
        return refuse(
            r, "Please specify 0 or at least 500 milliseconds for the busy-failover option.");
    note_ours(r);
    return OK;
}

static enum err read_tls(struct reading *r)
{
    if (!group_tls_of(r->argv[2], &r->group->set.tls))
        return refuse(r, "Please specify auto, yes or no for the tls option.");
    note_ours(r);
    return OK;
}

static enum err read_auth_pass_fallback(struct reading *r)
{
    replace_text(&r->group->set.auth_pass_fallback, r->argv[2]);
    note_ours(r);
    return OK;
}

static enum err read_epoch(struct reading *r, uint64_t *slot)
{
    uint64_t epoch;

    if (!bytes_to_u64(r->argv[2], &epoch) || epoch > EPOCH_MAX)
        return refuse(r, "Invalid epoch.");
    *slot = epoch;
    if (epoch > r->c->current_epoch) /* current-epoch is at least every other one */
        r->c->current_epoch = epoch;
    return OK;
}

static enum err read_config_epoch(struct reading *r)
{
    return read_epoch(r, &r->group->config_epoch);
}

static enum err read_leader_epoch(struct reading *r)
{
    return read_epoch(r, &r->group->vote_epoch);
}

static enum err read_known_follower(struct reading *r)
{
    struct addr addr = { .port = 0 };
    enum err e = read_addr(r, 2, &addr);

    if (e == OK && r->group->node_count >= NODES_PER_GROUP_MAX)
        return refuse(r, "Too many replicas of one master.");
    if (e == OK)
        config_add_node(r->group, &addr);
    return e;
}

/* The old form without an id names nobody, and is dropped as Redis drops it. */
static enum err read_old_known_sentinel(struct reading *r)
{
    return OK;
}

static enum err read_known_sentinel(struct reading *r)
{
    struct addr addr = { .port = 0 };
    char id[ID_LEN + 1] = "";
    enum err e = read_addr(r, 2, &addr);

    if (e != OK)
        return e;
    if (!is_id(r->argv[4]))
        return refuse(r, "Malformed Sentinel id in known-sentinel option.");
    if (r->group->peer_count >= SEATS_PER_GROUP_MAX)
        return refuse(r, "Too many sentinels of one master.");
    memcpy(id, r->argv[4].at, ID_LEN);
    config_add_peer(r->group, &addr, id);
    return OK;
}

/* ---- the table --------------------------------------------------------------------------------- */

static const struct directive {
    const char *name;
    int words; /* with its own */
    enum conf_pass pass;
    enum err (*read)(struct reading *r);
} directives[] = {
    { "announce-hostnames", 2, PASS_GLOBALS, read_announce_names },
    { "announce-ip", 2, PASS_GLOBALS, read_announce_ip },
    { "announce-port", 2, PASS_GLOBALS, read_announce_port },
    { "auth-pass", 3, PASS_REST, read_auth_pass },
    { "auth-pass-fallback", 3, PASS_REST, read_auth_pass_fallback },
    { "auth-user", 3, PASS_REST, read_auth_user },
    { "busy-failover", 3, PASS_REST, read_busy_failover },
    { "client-reconfig-script", 3, PASS_REST, read_reconfig_script },
    { "config-epoch", 3, PASS_REST, read_config_epoch },
    { "current-epoch", 2, PASS_GLOBALS, read_current_epoch },
    { "deny-scripts-reconfig", 2, PASS_GLOBALS, read_deny_scripts },
    { "down-after-milliseconds", 3, PASS_REST, read_down_after },
    { "durability", 3, PASS_REST, read_durability },
    { "failover-timeout", 3, PASS_REST, read_failover_timeout },
    { "fast-detection", 3, PASS_REST, read_fast },
    { "known-replica", 4, PASS_REST, read_known_follower },
    { "known-sentinel", 4, PASS_REST, read_old_known_sentinel },
    { "known-sentinel", 5, PASS_REST, read_known_sentinel },
    { "known-slave", 4, PASS_REST, read_known_follower },
    { "leader-epoch", 3, PASS_REST, read_leader_epoch },
    { "master-reboot-down-after-period", 3, PASS_REST, read_reboot_period },
    { "monitor", 5, PASS_MONITOR, read_monitor },
    { "myid", 2, PASS_GLOBALS, read_my_id },
    { "notification-script", 3, PASS_REST, read_notification_script },
    { "parallel-syncs", 3, PASS_REST, read_parallel },
    { "primary-reboot-down-after-period", 3, PASS_REST, read_reboot_period },
    { "rename-command", 4, PASS_REST, read_rename },
    { "resolve-hostnames", 2, PASS_GLOBALS, read_resolve },
    { "sentinel-pass", 2, PASS_GLOBALS, read_pass },
    { "sentinel-pass-fallback", 2, PASS_GLOBALS, read_pass_fallback },
    { "sentinel-user", 2, PASS_GLOBALS, read_user },
    { "state-file", 2, PASS_GLOBALS, read_state_file },
    { "tls", 3, PASS_REST, read_tls },
};

static const struct directive *find_directive(int argc, const struct bytes *argv)
{
    for (size_t i = 0; i < ARRAY_LEN(directives); i++)
        if (argc == directives[i].words && bytes_is_word(argv[0], directives[i].name))
            return &directives[i];
    return NULL;
}

_Static_assert(TEXT_LEN_MAX == 8192, "a sentence below says so");

bool conf_speaks_of(char *const *ours, size_t count, const char *directive, const char *group)
{
    size_t len = strlen(directive);

    for (size_t i = 0; i < count; i++)
        if (strncmp(ours[i], directive, len) == 0 && ours[i][len] == ' ' &&
            strcmp(ours[i] + len + 1, group) == 0)
            return true;
    return false;
}

enum err conf_line(struct sentinel_settings *set, struct config *c, enum conf_pass pass, int argc,
                   const struct bytes *argv, struct errmsg *out_why)
{
    const struct directive *d = find_directive(argc, argv);
    struct reading r = { .set = set, .c = c, .argv = argv, .why = out_why };

    if (!d)
        return pass < PASS_REST ? OK : refuse(&r, "Unrecognized sentinel configuration statement.");
    if (d->pass != pass)
        return OK;
    for (int i = 0; i < argc; i++)
        if (argv[i].len && memchr(argv[i].at, '\0', argv[i].len))
            return refuse(&r, "A value must not hold a zero byte.");
    for (int i = 0; i < argc; i++)
        if (argv[i].len > TEXT_LEN_MAX)
            return refuse(&r, "A value is longer than 8192 bytes.");
    if (pass != PASS_GLOBALS) {
        AUTO_FREE char *name = copy(argv[1]);

        r.group = config_find_group(c, name);
        if (!r.group && pass == PASS_REST)
            return refuse(&r, "No such master with specified name.");
    }
    return d->read(&r);
}
