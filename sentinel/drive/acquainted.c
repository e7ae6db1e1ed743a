#include "sentinel/drive/drive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/net.h"
#include "sentinel/drive/lines.h"

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static bool find(const struct acquaintances *a, const char *ip)
{
    return a->count && bsearch(ip, a->ips, a->count, sizeof *a->ips, by_text);
}

static void add(struct acquaintances *a, const char *ip)
{
    a->ips = xgrow(a->ips, a->count, &a->cap, sizeof *a->ips);
    snprintf(a->ips[a->count++], sizeof *a->ips, "%s", ip);
}

/* As it prints in a socket's name: the operator may have written it otherwise. */
static void add_literal(struct acquaintances *a, const char *host)
{
    struct sockaddr_storage sa;
    char ip[INET6_ADDRSTRLEN];
    socklen_t len;

    if (!net_parse_ip(host, 0, &sa, &len))
        return;
    net_print_ip((struct sockaddr *)&sa, ip, sizeof ip);
    add(a, ip);
}

static void add_end(struct acquaintances *a, const struct end *e)
{
    struct dial_options at = { .host = NULL };

    if (lines_destination(e->drive, e->id, &at))
        add_literal(a, at.host);
    for (int i = 0; i < LINE_COUNT; i++)
        if (e->dials[i] && dial_peer_ip(e->dials[i])[0])
            add(a, dial_peer_ip(e->dials[i]));
}

static void make(struct drive *d)
{
    struct acquaintances *a = &d->acquaintances;
    struct map_walk walk = map_walk(&d->ends);
    struct map_node *n;

    a->count = 0;
    a->made_ms = clock_now_ms();
    while ((n = map_walk_next(&walk)))
        add_end(a, CONTAINER_OF(n, struct end, by_id));
    if (a->count)
        qsort(a->ips, a->count, sizeof *a->ips, by_text);
}

bool drive_acquainted(struct drive *d, const char *ip)
{
    struct acquaintances *a = &d->acquaintances;

    if (find(a, ip))
        return true;
    if (a->made_ms && clock_now_ms() < a->made_ms + DRIVE_ACQUAINTED_MS)
        return false;
    make(d);
    return find(a, ip);
}
