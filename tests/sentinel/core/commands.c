/*
 * commands - what a scenario can say; README.md has them with their words.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "play.h"
#include "sentinel/core/pause.h"

typedef void command_fn(struct play *p, int argc, char **words);

static const char *option(int argc, char **words, const char *name)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(words[i], name) == 0)
            return words[i + 1];
    return NULL;
}

static uint64_t option_u64(int argc, char **words, const char *name, uint64_t otherwise)
{
    const char *v = option(argc, words, name);

    return v ? strtoull(v, NULL, 10) : otherwise;
}

static void cmd_group(struct play *p, int argc, char **words)
{
    struct config_group *g = config_add_group(&p->config, words[1]);
    const char *fast = option(argc, words, "fast"), *script = option(argc, words, "notify");
    const char *reconfig = option(argc, words, "reconfig");

    g->leader = play_node_addr(play_number(p, words[2], 'n'));
    g->set.quorum = (uint32_t)option_u64(argc, words, "quorum", 2);
    g->set.down_after_ms = option_u64(argc, words, "down-after", 1000);
    g->set.failover_timeout_ms = option_u64(argc, words, "failover-timeout", 10000);
    g->set.parallel_syncs = (uint32_t)option_u64(argc, words, "parallel-syncs", 1);
    g->set.master_reboot_down_after_ms = option_u64(argc, words, "reboot", 0);
    g->config_epoch = option_u64(argc, words, "epoch", 0);
    g->vote_epoch = option_u64(argc, words, "vote", 0);
    g->pause_until_ms = option_u64(argc, words, "paused-until", 0);
    g->pause_stamp = g->pause_until_ms > 0;
    if (fast)
        g->set.fast_detection = strcmp(fast, "yes") == 0 ? FAST_YES : FAST_NO;
    if (script)
        g->set.notification_script = xstrdup(script);
    if (reconfig)
        g->set.client_reconfig_script = xstrdup(reconfig);
}

static struct config_group *last_group(struct play *p)
{
    if (p->config.group_count == 0)
        play_fail(p, "group comes first");
    return &p->config.groups[p->config.group_count - 1];
}

static void cmd_followers(struct play *p, int argc, char **words)
{
    for (int i = 1; i < argc; i++) {
        struct addr a = play_node_addr(play_number(p, words[i], 'n'));

        config_add_node(last_group(p), &a);
    }
}

static void cmd_peers(struct play *p, int argc, char **words)
{
    for (int i = 1; i < argc; i++) {
        int k = play_number(p, words[i], 's');
        struct addr a = play_peer_addr(k);
        char id[ID_LEN + 1];

        play_peer_id(k, id);
        config_add_peer(last_group(p), &a, id);
    }
}

static void cmd_start(struct play *p, int argc, char **words)
{
    struct event ev = { .kind = EV_LOAD, .load = &p->config };

    globals_defaults(&p->config.globals);
    play_peer_id(1, p->config.globals.my_id);
    p->config.globals.listen_port = PEER_PORT;
    p->loaded = true;
    p->core.loaded = false;
    p->config.wall_ms = p->now_ms;
    play_step(p, &ev, true);
}

static void cmd_wait(struct play *p, int argc, char **words)
{
    play_wait(p, strtoull(words[1], NULL, 10), true);
}

/* The process is not run at all for so long. */
static void cmd_sleep(struct play *p, int argc, char **words)
{
    struct event ev = { .kind = EV_TIME };

    p->now_ms += strtoull(words[1], NULL, 10);
    play_step(p, &ev, true);
}

static void cmd_loud(struct play *p, int argc, char **words)
{
    p->loud = strcmp(words[0], "loud") == 0;
}

static uint64_t id_of(struct play *p, const char *word)
{
    const struct node *n = NULL;
    const struct peer *peer = NULL;

    if (word && word[0] == 'n')
        n = play_find_node(p, play_number(p, word, 'n'));
    else
        peer = play_find_peer(p, play_number(p, word, 's'));
    if (!n && !peer)
        play_fail(p, "%s is not known to the core", word);
    return n ? n->id : peer->id;
}

static void set_alive(struct play *p, const char *word, bool alive)
{
    if (word[0] == 'n')
        p->node_alive[play_number(p, word, 'n')] = alive;
    else
        p->peer_alive[play_number(p, word, 's')] = alive;
}

static void cmd_alive(struct play *p, int argc, char **words)
{
    for (int i = 1; i < argc; i++)
        set_alive(p, words[i], strcmp(words[0], "alive") == 0);
}

static void line_event(struct play *p, const char *who, const char *which, enum event_kind kind,
                       enum down_why why, bool shown)
{
    struct event ev = { .kind = kind, .id = id_of(p, who) };

    ev.line.kind = which && strcmp(which, "pubsub") == 0 ? LINE_PUBSUB : LINE_CMD;
    ev.line.why = why;
    ev.line.local_ip = "10.0.1.1";
    play_step(p, &ev, shown);
}

static void cmd_up(struct play *p, int argc, char **words)
{
    line_event(p, words[1], argc > 2 ? words[2] : "cmd", EV_LINE_UP, DOWN_CLOSED, true);
}

static void cmd_down(struct play *p, int argc, char **words)
{
    static const char *const whys[] = {
        [DOWN_CLOSED] = "closed",   [DOWN_REFUSED] = "refused", [DOWN_UNREACHABLE] = "unreachable",
        [DOWN_TIMEOUT] = "timeout", [DOWN_AUTH] = "auth",       [DOWN_PROTOCOL] = "protocol",
        [DOWN_RESOLVE] = "resolve",
    };

    for (size_t i = 0; i < ARRAY_LEN(whys); i++) {
        if (argc > 2 && strcmp(words[2], whys[i]) == 0) {
            line_event(p, words[1], argc > 3 ? words[3] : "cmd", EV_LINE_DOWN, (enum down_why)i,
                       true);
            return;
        }
    }
    play_fail(p, "down WHO WHY [pubsub]");
}

static void cmd_pong(struct play *p, int argc, char **words)
{
    static const char *const kinds[] = { "ok", "loading", "masterdown", "busy", "error" };
    struct event ev = { .kind = EV_PONG, .id = id_of(p, words[1]) };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (argc > 2 && strcmp(words[2], kinds[i]) == 0)
            ev.pong = (enum pong_kind)i;
    play_step(p, &ev, true);
}

/* info n2 follows n1 [up|down] [offset N] [run X] [plain] … ; info n1 leads [with n2,n3] */
static void give_info(struct play *p, int argc, char **words, bool shown)
{
    struct buf t = { 0 };
    struct info *info = xcalloc(1, sizeof *info);
    struct event ev = { .kind = EV_INFO, .id = id_of(p, words[1]) };
    const char *run = option(argc, words, "run"), *with = option(argc, words, "with");
    bool leads = argc > 2 && strcmp(words[2], "leads") == 0, down = false, plain = false;
    int k = words[1][1] - '0', shown_followers = 0;

    for (int i = 2; i < argc; i++) {
        down = down || strcmp(words[i], "down") == 0;
        plain = plain || strcmp(words[i], "plain") == 0;
    }
    if (!plain)
        buf_puts(&t, "server_name:holdfast\n");
    buf_puts(&t, "run_id:");
    for (int i = 0; i < ID_LEN; i++)
        buf_putc(&t, run ? run[0] : (char)('a' + k % 6));
    buf_printf(&t, "\nrole:%s\nslave_priority:%llu\n", leads ? "master" : "slave",
               (unsigned long long)option_u64(argc, words, "priority", 100));
    if (!leads) {
        int l = play_number(
            p, option(argc, words, "follows") ? option(argc, words, "follows") : words[3], 'n');

        buf_printf(&t,
                   "master_host:10.0.0.%d\nmaster_port:6379\nmaster_link_status:%s\n"
                   "slave_repl_offset:%llu\nmaster_link_down_since_seconds:%llu\n",
                   l, down ? "down" : "up",
                   (unsigned long long)option_u64(argc, words, "offset", 100),
                   (unsigned long long)option_u64(argc, words, "since", 0));
    }
    for (const char *c = with; c && *c; c++)
        if (*c >= '1' && *c <= '9')
            buf_printf(&t, "slave%d:ip=10.0.0.%c,port=6379,state=online,offset=%llu\n",
                       shown_followers++, *c,
                       (unsigned long long)option_u64(argc, words, "acked", 100));
    if (option_u64(argc, words, "failover", 1) == 1)
        buf_puts(&t, "master_failover_state:no-failover\n");
    buf_printf(&t, "loading:%llu\nmaster_repl_offset:%llu\n",
               (unsigned long long)option_u64(argc, words, "loading", 0),
               (unsigned long long)option_u64(argc, words, "offset", 100));
    buf_printf(&t, "master_replid:%040llu\nmaster_replid2:%040llu\n",
               (unsigned long long)option_u64(argc, words, "replid", 1),
               (unsigned long long)option_u64(argc, words, "replid2", 0));
    buf_printf(&t, "repl_backlog_first_byte_offset:%llu\n# Keyspace\ndb0:keys=%llu,expires=0\n",
               (unsigned long long)option_u64(argc, words, "backlog", 1),
               (unsigned long long)option_u64(argc, words, "keys", 7));
    ev.info.text = buf_bytes(&t);
    info_parse(info, ev.info.text);
    ev.info.info = info;
    play_step(p, &ev, shown);
    xfree(info);
    buf_fini(&t);
}

static void cmd_info(struct play *p, int argc, char **words)
{
    give_info(p, argc, words, true);
}

static void steady_nodes(struct play *p, struct group *g, bool plain)
{
    char info[] = "info", leads[] = "leads", follows[] = "follows";
    char leader[16], name[16], kind[16] = "";

    snprintf(leader, sizeof leader, "n%s", strrchr(g->leader->addr.host, '.') + 1);
    if (plain)
        snprintf(kind, sizeof kind, "plain");
    LIST_EACH (&g->nodes, of) {
        const struct node *n = LIST_ENTRY(of, struct node, of_group);

        snprintf(name, sizeof name, "n%s", strrchr(n->addr.host, '.') + 1);
        set_alive(p, name, true);
        line_event(p, name, "cmd", EV_LINE_UP, DOWN_CLOSED, false);
        line_event(p, name, "pubsub", EV_LINE_UP, DOWN_CLOSED, false);
        if (n == g->leader) {
            char *words[] = { info, name, leads, kind, NULL };

            give_info(p, 4, words, false);
        } else {
            char *words[] = { info, name, follows, leader, kind, NULL };

            give_info(p, 5, words, false);
        }
    }
}

/* Everybody is up and known; peers are Holdfast peers unless `legacy`, nodes ours unless `plain`. */
static void cmd_steady(struct play *p, int argc, char **words)
{
    bool legacy = false, plain = false;
    char name[16];

    for (int i = 1; i < argc; i++) {
        legacy = legacy || strcmp(words[i], "legacy") == 0;
        plain = plain || strcmp(words[i], "plain") == 0;
    }
    play_wait(p, 5, false);
    LIST_EACH (&p->core.groups, link)
        steady_nodes(p, LIST_ENTRY(link, struct group, of_sentinel), plain);
    LIST_EACH (&p->core.peers, link) {
        struct peer *peer = LIST_ENTRY(link, struct peer, of_sentinel);
        struct event ev = { .kind = EV_PROBE_REPLY, .id = peer->id, .protocol = legacy ? 0 : 1 };

        snprintf(name, sizeof name, "s%c", peer->run_id[0]);
        set_alive(p, name, true);
        line_event(p, name, "cmd", EV_LINE_UP, DOWN_CLOSED, false);
        play_step(p, &ev, false);
    }
    play_wait(p, 10, false);
}

static void cmd_hello(struct play *p, int argc, char **words)
{
    struct hello h = { .leader =
                           play_node_addr(play_number(p, option(argc, words, "leader"), 'n')) };
    struct event ev = { .kind = EV_HELLO, .hello = &h };
    int k = play_number(p, words[1], 's');
    const char *at = option(argc, words, "at");

    h.from = play_peer_addr(at ? play_number(p, at, 's') : k);
    play_peer_id(k, h.id);
    snprintf(h.group, sizeof h.group, "%s", words[2]);
    h.config_epoch = option_u64(argc, words, "config", 0);
    h.current_epoch = option_u64(argc, words, "epoch", h.config_epoch);
    play_step(p, &ev, true);
}

static void done_event(struct play *p, int argc, char **words, enum event_kind kind)
{
    struct event ev = { .kind = kind, .id = id_of(p, words[1]) };
    struct buf error = { 0 };

    ev.tag = p->role_tag[words[1][1] - '0'];
    ev.done.ok = argc > 2 && strcmp(words[2], "ok") == 0;
    for (int i = 2; i < argc; i++)
        buf_printf(&error, "%s%s", i > 2 ? " " : "", words[i]);
    ev.done.error = buf_bytes(&error);
    play_step(p, &ev, true);
    buf_fini(&error);
}

static void cmd_role_done(struct play *p, int argc, char **words)
{
    done_event(p, argc, words, EV_ROLE_DONE);
}

static void cmd_failover_done(struct play *p, int argc, char **words)
{
    done_event(p, argc, words, EV_FAILOVER_DONE);
}

/* ask-reply s2 up|down [s1 EPOCH] */
static void cmd_ask_reply(struct play *p, int argc, char **words)
{
    struct event ev = { .kind = EV_ASK_REPLY, .id = id_of(p, words[1]) };
    char id[ID_LEN + 1];

    ev.tag = p->ask_tag[words[1][1] - '0'];
    ev.ask_reply.down = strcmp(words[2], "down") == 0;
    if (argc > 4) {
        play_peer_id(play_number(p, words[3], 's'), id);
        ev.ask_reply.id = id;
        ev.ask_reply.epoch = strtoull(words[4], NULL, 10);
    }
    play_step(p, &ev, true);
}

/* ask n1 EPOCH s2|* */
static void cmd_ask(struct play *p, int argc, char **words)
{
    struct event ev = { .kind = EV_ASK, .token = 1 };
    char id[ID_LEN + 1];

    ev.ask.leader = play_node_addr(play_number(p, words[1], 'n'));
    ev.ask.epoch = strtoull(words[2], NULL, 10);
    if (strcmp(words[3], "*") != 0) {
        play_peer_id(play_number(p, words[3], 's'), id);
        ev.ask.id = id;
    }
    play_step(p, &ev, true);
}

static void cmd_probe_reply(struct play *p, int argc, char **words)
{
    struct event ev = { .kind = EV_PROBE_REPLY, .id = id_of(p, words[1]) };

    ev.protocol = (uint32_t)strtoul(words[2], NULL, 10);
    play_step(p, &ev, true);
}

/* state s2 GROUP leader n1 up|soft|hard [config N] [captain N] [vote N]; state-reply likewise */
static void cmd_state(struct play *p, int argc, char **words)
{
    struct view v = { .leader =
                          play_node_addr(play_number(p, option(argc, words, "leader"), 'n')) };
    struct event ev = { .kind = EV_STATE, .token = 1 };
    int k = play_number(p, words[1], 's');
    char id[ID_LEN + 1];

    play_peer_id(k, id);
    snprintf(v.group, sizeof v.group, "%s", words[2]);
    v.config_epoch = option_u64(argc, words, "config", 0);
    v.captain_epoch = option_u64(argc, words, "captain", 0);
    v.vote_epoch = option_u64(argc, words, "vote", 0);
    for (int i = 3; i < argc; i++) {
        if (strcmp(words[i], "soft") == 0)
            v.verdict = VERDICT_SOFT;
        if (strcmp(words[i], "hard") == 0)
            v.verdict = VERDICT_HARD;
    }
    ev.state.view = &v;
    ev.state.from = id;
    if (strcmp(words[0], "state-reply") == 0) {
        ev.kind = EV_STATE_REPLY;
        ev.id = id_of(p, words[1]);
        ev.token = 0;
        ev.tag = p->state_tag[k];
    }
    play_step(p, &ev, true);
}

static void cmd_failover(struct play *p, int argc, char **words)
{
    struct event ev = { .kind = EV_FAILOVER, .token = 1 };
    const char *target = option(argc, words, "target");

    ev.failover.name = words[1];
    for (int i = 2; i < argc; i++)
        if (strcmp(words[i], "force") == 0)
            ev.failover.kind = FAILOVER_FORCE;
    if (target)
        ev.failover.target = play_node_addr(play_number(p, target, 'n'));
    play_step(p, &ev, true);
}

static void cmd_monitor(struct play *p, int argc, char **words)
{
    struct event ev = { .kind = EV_MONITOR, .token = 1 };

    ev.monitor.name = words[1];
    ev.monitor.addr = play_node_addr(play_number(p, words[2], 'n'));
    ev.monitor.quorum = (uint32_t)strtoul(words[3], NULL, 10);
    play_step(p, &ev, true);
}

/* chartered GROUP [not | LEVEL] */
static void cmd_chartered(struct play *p, int argc, char **words)
{
    struct event ev = { .kind = EV_CHARTERED };
    enum keep level = KEEP_ASYNC;

    ev.chartered.name = words[1];
    ev.chartered.is = argc < 3 || strcmp(words[2], "not") != 0;
    while (argc > 2 && ev.chartered.is && strcmp(words[2], keep_word(level)) != 0)
        level++;
    if (argc > 2 && ev.chartered.is)
        ev.chartered.level = &level;
    play_step(p, &ev, true);
}

/* serves GROUP n2 EPOCH [mine] */
static void cmd_serves(struct play *p, int argc, char **words)
{
    struct event ev = { .kind = EV_SERVES };

    ev.serves.name = words[1];
    ev.serves.leader = play_node_addr(play_number(p, words[2], 'n'));
    ev.serves.epoch = strtoull(words[3], NULL, 10);
    ev.serves.mine = argc > 4;
    play_step(p, &ev, true);
}

/* pause GROUP [SECONDS], resume GROUP; from a peer: paused GROUP STAMP LEFT-MS */
static void cmd_pause(struct play *p, int argc, char **words)
{
    struct event ev = { .kind = EV_PAUSE, .token = 1 };

    ev.pause.name = words[1];
    ev.pause.wall_ms = p->now_ms;
    if (strcmp(words[0], "pause") == 0)
        ev.pause.left_ms = argc > 2 ? 1000 * strtoull(words[2], NULL, 10) : PAUSE_FOREVER;
    if (strcmp(words[0], "paused") == 0) {
        if (argc < 4)
            play_fail(p, "paused GROUP STAMP LEFT-MS");
        ev.pause.stamp = strtoull(words[2], NULL, 10);
        ev.pause.left_ms = strtoull(words[3], NULL, 10);
    }
    play_step(p, &ev, true);
}

static void cmd_remove(struct play *p, int argc, char **words)
{
    struct event ev = { .kind = EV_REMOVE, .token = 1 };

    ev.remove.name = words[1];
    play_step(p, &ev, true);
}

static void cmd_reset(struct play *p, int argc, char **words)
{
    struct event ev = { .kind = EV_RESET, .token = 1 };

    ev.reset.pattern = bytes_of(words[1]);
    play_step(p, &ev, true);
}

/* set GROUP option value [option value]…; rename-command takes two values */
static void cmd_set(struct play *p, int argc, char **words)
{
    struct set_option options[WORDS_MAX];
    struct event ev = { .kind = EV_SET, .token = 1 };

    ev.set.name = words[1];
    ev.set.options = options;
    for (int i = 2; i + 1 < argc; i += 2) {
        struct set_option *o = &options[ev.set.count++];

        *o = (struct set_option){ .name = words[i], .values = { bytes_of(words[i + 1]) } };
        if (strcmp(words[i], "rename-command") == 0 && i + 2 < argc)
            o->values[1] = bytes_of(words[++i + 1]);
    }
    play_step(p, &ev, true);
}

static void cmd_simulate(struct play *p, int argc, char **words)
{
    struct event ev = { .kind = EV_SIMULATE, .token = 1 };

    ev.simulate = strcmp(words[1], "election") == 0 ? SIMULATE_CRASH_AFTER_ELECTION
                                                    : SIMULATE_CRASH_AFTER_PROMOTION;
    play_step(p, &ev, true);
}

static void cmd_debug(struct play *p, int argc, char **words)
{
    struct event ev = { .kind = EV_DEBUG, .token = 1 };

    for (int i = 0; i < T_COUNT; i++)
        if (strcmp(debug_timers[i].name, words[1]) == 0)
            ev.debug.timer = (enum debug_timer)i;
    ev.debug.value_ms = strtoull(words[2], NULL, 10);
    play_step(p, &ev, true);
}

static uint64_t nth_job(struct play *p, const char *word)
{
    uint64_t n = strtoull(word, NULL, 10);

    LIST_EACH (&p->core.scripts, link)
        if (--n == 0)
            return LIST_ENTRY(link, struct script, of_sentinel)->job;
    play_fail(p, "there is no script %s", word);
}

static void cmd_script(struct play *p, int argc, char **words)
{
    struct event ev = { .kind = EV_SCRIPT_STARTED };

    ev.script.job = nth_job(p, words[1]);
    if (strcmp(words[0], "script-done") == 0) {
        ev.kind = EV_SCRIPT_DONE;
        ev.script.exit_code = atoi(words[2]);
        ev.script.signal = argc > 3 ? atoi(words[3]) : 0;
    } else {
        ev.script.pid = atoi(words[2]);
    }
    play_step(p, &ev, true);
}

static void show_node(struct play *p, const struct node *n)
{
    buf_puts(&p->text, "    ");
    play_put_instance(p, n->id);
    buf_putc(&p->text, ' ');
    node_flags(n, &p->text);
    buf_putc(&p->text, '\n');
}

static void cmd_show(struct play *p, int argc, char **words)
{
    const struct group *g = sentinel_find_group(&p->core, bytes_of(words[1]));

    if (!g) {
        buf_puts(&p->text, "    no such group\n");
        return;
    }
    buf_printf(&p->text, "    %s leader=%s:%d config-epoch=%llu state=%s peers=%u usable=%u\n",
               g->name, g->leader->addr.host, g->leader->addr.port,
               (unsigned long long)g->config_epoch, failover_state_word(g->failover.state),
               group_peers(g), group_usable_voters(g));
    LIST_EACH (&g->nodes, of)
        show_node(p, LIST_ENTRY(of, struct node, of_group));
    LIST_EACH (&g->seats, of) {
        const struct seat *seat = LIST_ENTRY(of, struct seat, of_group);

        buf_printf(&p->text, "    s%c ", seat->peer->run_id[0]);
        seat_flags(seat, &p->text);
        buf_putc(&p->text, '\n');
    }
}

static const struct command {
    const char *name;
    int words_min; /* the command's own included */
    command_fn *run;
} commands[] = {
    { "group", 3, cmd_group },
    { "followers", 2, cmd_followers },
    { "peers", 2, cmd_peers },
    { "start", 1, cmd_start },
    { "steady", 1, cmd_steady },
    { "wait", 2, cmd_wait },
    { "sleep", 2, cmd_sleep },
    { "loud", 1, cmd_loud },
    { "quiet", 1, cmd_loud },
    { "alive", 2, cmd_alive },
    { "mute", 2, cmd_alive },
    { "up", 2, cmd_up },
    { "down", 3, cmd_down },
    { "pong", 2, cmd_pong },
    { "info", 3, cmd_info },
    { "hello", 3, cmd_hello },
    { "role-done", 3, cmd_role_done },
    { "failover-done", 3, cmd_failover_done },
    { "ask-reply", 3, cmd_ask_reply },
    { "ask", 4, cmd_ask },
    { "probe-reply", 3, cmd_probe_reply },
    { "state", 4, cmd_state },
    { "state-reply", 4, cmd_state },
    { "chartered", 2, cmd_chartered },
    { "serves", 4, cmd_serves },
    { "pause", 2, cmd_pause },
    { "resume", 2, cmd_pause },
    { "paused", 4, cmd_pause },
    { "failover", 2, cmd_failover },
    { "monitor", 4, cmd_monitor },
    { "remove", 2, cmd_remove },
    { "reset", 2, cmd_reset },
    { "set", 4, cmd_set },
    { "simulate", 2, cmd_simulate },
    { "debug", 3, cmd_debug },
    { "script-started", 3, cmd_script },
    { "script-done", 3, cmd_script },
    { "show", 2, cmd_show },
};

void play_line(struct play *p, const char *line)
{
    AUTO_FREE char *copy = xstrdup(line);
    char *words[WORDS_MAX + 1] = { 0 }, *rest = copy, *word;
    int argc = 0;

    while (argc < WORDS_MAX && (word = strsep(&rest, " ")))
        if (*word)
            words[argc++] = word;
    if (argc == 0 || words[0][0] == '#')
        return;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i].name, words[0]) != 0)
            continue;
        if (argc < commands[i].words_min)
            play_fail(p, "%s wants more words", words[0]);
        commands[i].run(p, argc, words);
        return;
    }
    play_fail(p, "unknown command %s", words[0]);
}
