/*
 * scenario - plays stories of one captain (story.h; README.md lists the commands).
 */
#include <string.h>

#include "common/alloc.h"
#include "stage.h"
#include "tests/sentinel/core/story.h"
#include "tests/common/register/charters.h"

static void init(struct stage *s, const char *file)
{
    memset(s, 0, sizeof *s);
    s->file = file;
    s->now_ms = START_MS;
    s->queue = xcalloc(EVENTS_MAX, sizeof *s->queue);
    s->set = (struct captain_settings){
        .patience = { .heartbeat_ms = CAPTAIN_HEARTBEAT_MS,
                      .busy_failover_ms = CAPTAIN_BUSY_FAILOVER_MS },
        .handoff_ms = CAPTAIN_HANDOFF_MS,
    };
    s->first = charter_of_three();
    charter_member(&s->first, 13)->did = 113;
    for (int v = 1; v <= STAGE_VOTERS; v++) {
        acceptor_init(&s->voters[v], (uint64_t)v);
        s->says[v] = SAYS_WHAT_IS;
    }
    for (int n = 1; n <= STAGE_NODES; n++) {
        struct report *r = &s->nodes[n].report;

        s->nodes[n].alive = true;
        memcpy(r->gid, s->first.gid, sizeof r->gid);
        r->node = 10 + (uint64_t)n;
        r->did = 110 + (uint64_t)n;
        r->boot = 1;
        memset(r->run, 'a' + n - 1, RUN_LEN);
        r->role = n == 1 ? NODE_ACTIVE : NODE_FOLLOWER;
        r->priority = 100;
        r->promised = r->ver = 1;
        r->at = (struct position){ 1, 1000 };
    }
}

static void fini(struct stage *s)
{
    captain_fini(&s->captain);
    captain_actions_fini(&s->out);
    buf_fini(&s->text);
    xfree(s->queue);
}

static void play_file(const char *path, char *lines, struct buf *out)
{
    static struct stage s;
    char *line;

    init(&s, path);
    while ((line = story_next(&lines, &s.line, &s.text)))
        stage_line(&s, line);
    buf_append(out, s.text.at, s.text.len);
    fini(&s);
}

int main(int argc, char **argv)
{
    return story_main(argc, argv, play_file);
}
