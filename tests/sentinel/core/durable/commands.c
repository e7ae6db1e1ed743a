#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sentinel/core/durable/status.h"
#include "stage.h"
#include "tests/common/register/charters.h"

enum { WORDS_MAX = 16 };

static int number_of(const struct stage *s, const char *word, char letter)
{
    int n = word && word[0] == letter ? atoi(word + 1) : 0;

    if (n < 1 || n > STAGE_NODES)
        stage_fail(s, "%s is no name of %c1 to %c%d", word ? word : "nothing", letter, letter,
                   STAGE_NODES);
    return n;
}

static uint64_t value_of(const struct stage *s, const char *word)
{
    if (!word || word[0] < '0' || word[0] > '9')
        stage_fail(s, "a number is missing");
    return strtoull(word, NULL, 10);
}

/* ---- before the start -------------------------------------------------------------------------- */

static void group(struct stage *s, char **w)
{
    for (; *w; w += 2) {
        if (strcmp(w[0], "out-of-sync") == 0)
            charter_member(&s->first, 10 + (uint64_t)number_of(s, w[1], 'n'))->did = 0;
        else if (strcmp(w[0], "quorum") == 0)
            s->set.quorum = (uint32_t)value_of(s, w[1]);
        else if (strcmp(w[0], "down-after") == 0)
            s->set.patience.down_after_ms = value_of(s, w[1]);
        else if (strcmp(w[0], "busy-failover") == 0)
            s->set.patience.busy_failover_ms = value_of(s, w[1]);
        else if (strcmp(w[0], "observer") == 0)
            charter_member(&s->first, 10 + (uint64_t)number_of(s, w[1], 'n'))->observer = true;
        else
            stage_fail(s, "what is %s?", w[0]);
    }
}

/* The register holds the first version, unless there is none yet. */
static void start(struct stage *s, char **w)
{
    struct reg_message m = { .kind = REG_ACCEPT, .ballot = { 1, 9 }, .value = s->first };
    struct reg_actions out = { 0 };
    bool none = *w && strcmp(*w, "none") == 0;

    memcpy(m.gid, s->first.gid, sizeof m.gid);
    for (uint32_t i = 0; i < s->first.voter_count && !none; i++) {
        m.kind = REG_ACCEPT;
        acceptor_step(&s->voters[s->first.voters[i].id], &m, &out);
        m.kind = REG_LEARN;
        acceptor_step(&s->voters[s->first.voters[i].id], &m, &out);
    }
    reg_actions_fini(&out);
    memcpy(s->began, s->voters, sizeof s->began);
    /* Of a captain that starts anew only the voters are known to it. */
    if (none || (*w && strcmp(*w, "anew") == 0)) {
        s->first.ver = 0;
        s->first.member_count = 0;
    }
    stage_begin(s);
    stage_put(s, CAPTAIN_EV_TIME);
    stage_wait(s, 0);
}

/* ---- the world --------------------------------------------------------------------------------- */

static void beats_stop(struct stage *s, int leader)
{
    if (s->captain.charter.leader != s->nodes[leader].report.node)
        return;
    for (int n = 1; n <= STAGE_NODES; n++)
        if (s->nodes[n].beat_ms == 0)
            s->nodes[n].beat_ms = s->now_ms;
}

static void kill_node(struct stage *s, char **w)
{
    int n = number_of(s, *w, 'n');

    s->nodes[n].alive = false;
    beats_stop(s, n);
    stage_lose_line(s, n, DOWN_CLOSED);
    stage_play(s);
}

static void freeze(struct stage *s, char **w)
{
    int n = number_of(s, *w, 'n');

    s->nodes[n].frozen = true;
    beats_stop(s, n);
}

/* Its loop stands still; its thread does not. */
static void hang(struct stage *s, char **w)
{
    int n = number_of(s, *w, 'n');

    s->nodes[n].hangs = true;
    beats_stop(s, n);
}

static void thaw(struct stage *s, char **w)
{
    struct stage_node *n = &s->nodes[number_of(s, *w, 'n')];

    n->frozen = n->hangs = false;
}

static void cut(struct stage *s, char **w)
{
    s->nodes[number_of(s, *w, 'n')].cut = true;
}

static void heal(struct stage *s, char **w)
{
    s->nodes[number_of(s, *w, 'n')].cut = false;
}

/* Another process: run b of "restart n1 b [did 211]"; without a did the data are as before. */
static void restart(struct stage *s, char **w)
{
    int n = number_of(s, *w, 'n');
    struct stage_node *node = &s->nodes[n];

    beats_stop(s, n);
    node->alive = true;
    node->frozen = node->hangs = node->cut = false;
    memset(node->report.run, w[1] ? w[1][0] : 'f', RUN_LEN);
    node->report.role = NODE_WAITING;
    node->report.boot++;
    if (w[1] && w[2] && strcmp(w[2], "did") == 0)
        node->report.did = value_of(s, w[3]);
    stage_lose_line(s, n, DOWN_CLOSED);
    stage_play(s);
}

/* "instead n4 n1": n4, which is in no group, answers where n1 was. */
static void instead(struct stage *s, char **w)
{
    int n = number_of(s, *w, 'n'), old = number_of(s, w[1], 'n');
    struct stage_event *e = stage_put(s, CAPTAIN_EV_RECEIPT);

    e->receipt.kind = RECEIPT_GROUP;
    e->receipt.report = s->nodes[n].report;
    e->receipt.report.gid[0] = '\0';
    e->ev.node = s->nodes[old].report.node;
    stage_play(s);
}

/* "joins n4": it follows a member, and belongs to no group. */
static void joins(struct stage *s, char **w)
{
    int n = number_of(s, *w, 'n');
    struct stage_event *e = stage_put(s, CAPTAIN_EV_JOINS);

    e->receipt.report = s->nodes[n].report;
    e->receipt.report.gid[0] = '\0';
    e->receipt.report.flags = NODE_JOINS;
    e->place = place_of("10.0.0", (uint64_t)n, 6379);
    stage_play(s);
}

/* The leader that was slow has drained, and says so. */
static void drained(struct stage *s, char **w)
{
    (void)w;
    *stage_put(s, CAPTAIN_EV_RECEIPT) = s->held;
    stage_play(s);
}

static void lose(struct stage *s, char **w)
{
    stage_lose_line(s, number_of(s, *w, 'n'), DOWN_CLOSED);
    stage_play(s);
}

static enum node_role role_of(const struct stage *s, const char *word)
{
    for (int i = 0; i < NODE_ROLE_COUNT; i++)
        if (strcmp(word, node_role_word((enum node_role)i)) == 0)
            return (enum node_role)i;
    stage_fail(s, "there is no role %s", word);
}

static void node(struct stage *s, char **w)
{
    struct stage_node *n = &s->nodes[number_of(s, *w, 'n')];

    for (w++; *w; w++) {
        if (strcmp(*w, "offset") == 0)
            n->report.at.offset = value_of(s, *++w);
        else if (strcmp(*w, "priority") == 0)
            n->report.priority = (uint32_t)value_of(s, *++w);
        else if (strcmp(*w, "did") == 0)
            n->report.did = value_of(s, *++w);
        else if (strcmp(*w, "ver") == 0)
            n->report.ver = value_of(s, *++w);
        else if (strcmp(*w, "role") == 0)
            n->report.role = role_of(s, *++w);
        else if (strcmp(*w, "busy") == 0)
            n->report.loop_age_ms = value_of(s, *++w);
        else if (strcmp(*w, "hears") == 0)
            n->beat_ms = 0;
        else if (strcmp(*w, "loading") == 0)
            n->report.flags |= NODE_LOADING;
        else if (strcmp(*w, "resyncing") == 0)
            n->report.flags |= NODE_RESYNCING;
        else if (strcmp(*w, "disk-failed") == 0)
            n->report.flags |= NODE_DISK_FAILED;
        else if (strcmp(*w, "well") == 0)
            n->report.flags = 0;
        else if (strcmp(*w, "format") == 0)
            n->report.format = (uint32_t)value_of(s, *++w);
        else if (strcmp(*w, "hands-to") == 0)
            n->report.hands_to = 10 + (uint64_t)number_of(s, *++w, 'n');
        else if (strcmp(*w, "hands-to-nobody") == 0)
            n->report.hands_to = 0;
        else if (strcmp(*w, "busy-to-lead") == 0)
            n->unready = true;
        else if (strcmp(*w, "ready-to-lead") == 0)
            n->unready = false;
        else if (strcmp(*w, "passive") == 0)
            n->passive = true;
        else if (strcmp(*w, "deaf") == 0)
            n->deaf = true;
        else if (strcmp(*w, "obeys") == 0)
            n->deaf = false;
        else if (strcmp(*w, "stubborn") == 0)
            n->stubborn = true;
        else if (strcmp(*w, "lags") == 0)
            n->lags = true;
        else if (strcmp(*w, "hangs-up") == 0)
            n->hangs_up = true;
        else if (strcmp(*w, "slow") == 0)
            n->slow = true;
        else
            stage_fail(s, "what is %s?", *w);
    }
}

/* ---- voters ------------------------------------------------------------------------------------ */

static void says(struct stage *s, char **w)
{
    static const char *const words[] = { "nothing", "what-is", "alive", "soft", "hard", "unknown" };
    int v = number_of(s, *w, 's');

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (w[1] && strcmp(w[1], words[i]) == 0)
            s->says[v] = (enum says)i;
}

/* "speaks s2 1": the format of what it says. */
static void speaks(struct stage *s, char **w)
{
    int v = number_of(s, *w, 's');
    struct place at = place_of("10.0.1", (uint64_t)v, 26379);

    captain_saw(&s->captain, &at, (uint64_t)v, (uint32_t)value_of(s, w[1]), s->now_ms);
}

static void away(struct stage *s, char **w)
{
    for (; *w; w++) {
        s->away[number_of(s, *w, 's')] = true;
        s->says[number_of(s, *w, 's')] = SAYS_NOTHING;
    }
}

static void back(struct stage *s, char **w)
{
    for (; *w; w++) {
        s->away[number_of(s, *w, 's')] = false;
        s->says[number_of(s, *w, 's')] = SAYS_WHAT_IS;
    }
}

/* "restored s2": its file is the one that it had at the start. */
static void restored(struct stage *s, char **w)
{
    int v = number_of(s, *w, 's');

    s->voters[v] = s->began[v];
}

static void accepts(struct stage *s, char **w)
{
    s->mute_accept = *w && strcmp(*w, "lost") == 0;
}

/* "suspect s2 soft": its SUSPECT arrives here. "epoch 7" of another epoch. */
static void suspect(struct stage *s, char **w)
{
    struct stage_event *e = stage_put(s, CAPTAIN_EV_SUSPECTED);
    const struct charter *c = &s->captain.charter;

    e->ev.token = 5;
    memcpy(e->suspicion.gid, c->gid, sizeof c->gid);
    memcpy(e->suspicion.run, c->run, sizeof c->run);
    e->suspicion.epoch = w[2] ? value_of(s, w[3]) : c->epoch;
    e->suspicion.reporter = (uint64_t)number_of(s, *w, 's');
    e->suspicion.opinion = strcmp(w[1], "hard") == 0 ? OPINION_HARD : OPINION_SOFT;
    stage_play(s);
}

/* Somebody else's change is committed: "change failover n2", "change shrink n2", "change grow n2", "change terms n1". I am told, unless
 * the last word is "unheard"; "half": it is not, and s3 alone holds it. */
static void change(struct stage *s, char **w)
{
    struct change ch = { .kind = CHANGE_TERMS, .level = KEEP_MEM, .min_sync = 1 };
    struct reg_message m = { .kind = REG_ACCEPT, .ballot = { 0, 9 } };
    const struct acceptor *holds = &s->voters[1];
    struct reg_actions out = { 0 };
    struct errmsg why = { "" };
    bool half = w[1] && w[2] && strcmp(w[2], "half") == 0;

    for (int v = 2; v <= STAGE_VOTERS; v++)
        if (ballot_cmp(s->voters[v].accepted, holds->accepted) > 0)
            holds = &s->voters[v];
    change_expect(&ch, &holds->value);
    if (strcmp(w[0], "terms") != 0) {
        struct stage_node *n = &s->nodes[number_of(s, w[1], 'n')];

        ch.kind = strcmp(w[0], "shrink") == 0 ? CHANGE_SHRINK
                  : strcmp(w[0], "grow") == 0 ? CHANGE_GROW
                                              : CHANGE_FAILOVER;
        ch.node = n->report.node;
        ch.did = n->report.did;
        memcpy(ch.run, n->report.run, sizeof ch.run);
    }
    if (change_apply(&ch, &holds->value, 9, holds->value.ver, &m.value, &why) != OK)
        stage_fail(s, "%s", why.text);
    memcpy(m.gid, m.value.gid, sizeof m.gid);
    for (int v = 1; v <= STAGE_VOTERS; v++)
        if (s->voters[v].promised.round >= m.ballot.round)
            m.ballot.round = s->voters[v].promised.round + 1;
    for (int v = half ? 3 : 1; v <= STAGE_VOTERS; v++)
        if (charter_voter(&m.value, (uint64_t)v))
            acceptor_step(&s->voters[v], &m, &out);
    reg_actions_fini(&out);
    if (half || (w[1] && w[2] && strcmp(w[2], "unheard") == 0))
        return;
    stage_put(s, CAPTAIN_EV_CHARTER)->charter = m.value;
    stage_play(s);
}

/* A shrink by the leader, offered to my voter: what does it say while I think what I think? */
static void offer_shrink(struct stage *s, char **w)
{
    struct charter next = s->captain.charter;

    next.ver++;
    charter_member(&next, 10 + (uint64_t)number_of(s, *w, 'n'))->did = 0;
    stage_told(s,
               captain_refuses(&s->captain, &s->captain.charter, &next) ? "refused" : "accepted");
}

/* ---- operators --------------------------------------------------------------------------------- */

static enum wish_kind wish_of(const struct stage *s, const char *word)
{
    for (int i = WISH_SWITCHOVER; i < WISH_COUNT; i++)
        if (strcmp(word, wish_word((enum wish_kind)i)) == 0)
            return (enum wish_kind)i;
    stage_fail(s, "nobody wishes for %s", word);
}

static void wish(struct stage *s, char **w)
{
    struct wish *x = &stage_put(s, CAPTAIN_EV_WISH)->wish;

    x->kind = wish_of(s, *w);
    x->token = 1;
    x->min_sync = 1;
    x->level = KEEP_FSYNC;
    x->first = charter_of_three();
    snprintf(x->reason, sizeof x->reason, "told to");
    for (w++; *w; w++) {
        if (strcmp(*w, "ver") == 0) {
            x->ver = value_of(s, *++w);
        } else if (strcmp(*w, "unasked") == 0) {
            x->token = 0;
        } else if (strcmp(*w, "closed") == 0) {
            x->closed = true;
        } else if (strcmp(*w, "confirm-dead") == 0) {
            x->confirm_dead = true;
        } else if ((*w)[0] == 's') {
            x->voters[x->voter_count++] = voter_of((uint64_t)number_of(s, *w, 's'));
        } else {
            int n = number_of(s, *w, 'n');

            x->node = 10 + (uint64_t)n;
            x->member = (struct member){ .node = x->node,
                                         .at = place_of("10.0.0", (uint64_t)n, 6379),
                                         .boot = 1 };
        }
    }
    stage_play(s);
}

/* ---- time, and a look -------------------------------------------------------------------------- */

static void wait(struct stage *s, char **w)
{
    stage_wait(s, value_of(s, *w));
}

static void slept(struct stage *s, char **w)
{
    s->now_ms += value_of(s, *w);
    stage_put(s, CAPTAIN_EV_TIME);
    stage_wait(s, 0);
}

static void put_off(struct stage *s, char **w)
{
    s->put_off_ms = value_of(s, *w);
}

static void show(struct stage *s, char **w)
{
    const struct captain *c = &s->captain;
    const struct watched *leader = NULL;
    char sync[64] = "";

    (void)w;
    for (uint32_t i = 0; i < c->charter.member_count; i++) {
        if (c->charter.members[i].did)
            snprintf(sync + strlen(sync), sizeof sync - strlen(sync), " n%d",
                     (int)c->charter.members[i].node - 10);
        if (c->nodes[i].e.node == c->charter.leader)
            leader = &c->nodes[i];
    }
    stage_told(s, "ver=%llu epoch=%llu leader=n%d sync=%s state=%s health=%u",
               (unsigned long long)c->charter.ver, (unsigned long long)c->charter.epoch,
               (int)c->charter.leader - 10, sync + (sync[0] == ' '), captain_state_word(c->state),
               health_factor(&c->health));
    if (leader)
        stage_told(
            s, "the leader is %s, limit=%llu", why_word(captain_leader_why(c)),
            (unsigned long long)(health_factor(&c->health) *
                                 pulse_limit_ms(&leader->e.pulse, c->set.patience.heartbeat_ms,
                                                c->set.patience.down_after_ms)));
}

static void lacks(struct stage *s, char **w)
{
    struct reasons why;

    (void)w;
    status_lacks(&s->captain, &why);
    for (uint32_t i = 0; i < why.count; i++)
        stage_told(s, "lacks: %s", why.text[i]);
}

/* "lookout n2 0": n2 hears its leader; "lookout n2 100": it has not for so long. */
static void lookout(struct stage *s, char **w)
{
    struct stage_event *e = stage_put(s, CAPTAIN_EV_LOOKOUT);
    const struct charter *c = &s->captain.charter;

    e->lookout = (struct lookout){ .epoch = c->epoch,
                                   .node = s->nodes[number_of(s, *w, 'n')].report.node,
                                   .silent_ms = value_of(s, w[1]) };
    memcpy(e->lookout.gid, c->gid, sizeof e->lookout.gid);
    memcpy(e->lookout.run, c->run, sizeof e->lookout.run);
    stage_play(s);
}

static void pause_it(struct stage *s, char **w)
{
    (void)w;
    s->captain.set.paused = true;
}

static void resume(struct stage *s, char **w)
{
    (void)w;
    s->captain.set.paused = false;
}

static void loud(struct stage *s, char **w)
{
    (void)w;
    s->loud = true;
}

static const struct {
    const char *word;
    void (*run)(struct stage *s, char **w);
    bool before; /* before the start */
} commands[] = {
    { "group", group, true },
    { "start", start, true },
    { "loud", loud, true },
    { "node", node, true },
    { "kill", kill_node, false },
    { "freeze", freeze, false },
    { "thaw", thaw, false },
    { "cut", cut, true },
    { "heal", heal, false },
    { "restart", restart, false },
    { "lose", lose, false },
    { "drained", drained, false },
    { "says", says, true },
    { "away", away, true },
    { "back", back, false },
    { "restored", restored, false },
    { "lacks", lacks, false },
    { "accepts", accepts, false },
    { "suspect", suspect, false },
    { "change", change, false },
    { "offer-shrink", offer_shrink, false },
    { "wish", wish, false },
    { "wait", wait, false },
    { "sleep", slept, false },
    { "show", show, false },
    { "put-off", put_off, false },
    { "instead", instead, false },
    { "hang", hang, true },
    { "lookout", lookout, false },
    { "pause", pause_it, false },
    { "resume", resume, false },
    { "joins", joins, false },
    { "speaks", speaks, false },
};

void stage_line(struct stage *s, const char *line)
{
    char text[256], *words[WORDS_MAX + 1], *rest = text, *word;
    int count = 0;

    snprintf(text, sizeof text, "%s", line);
    while ((word = strsep(&rest, " ")) && count < WORDS_MAX)
        if (*word)
            words[count++] = word;
    words[count] = NULL;
    for (size_t i = 0; i < ARRAY_LEN(commands) && count > 0; i++) {
        if (strcmp(commands[i].word, words[0]) != 0)
            continue;
        if (!commands[i].before && !s->started)
            stage_fail(s, "not before the start");
        commands[i].run(s, words + 1);
        return;
    }
    stage_fail(s, "there is no command %s", line);
}
