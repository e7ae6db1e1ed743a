/*
 * geo - places under names: GEOADD, GEOPOS, GEOHASH, GEODIST. Searching is in geo_search.c, the rows in
 * geo_rows.c.
 */
#include "node/types/geo.h"

#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "node/types/arguments.h"
#include "node/types/zset_commands.h"

/* ---- arguments and replies ----------------------------------------------------------------- */

static bool want_degrees(struct call *c, int arg, double *out)
{
    if (bytes_to_double(c->argv[arg], out))
        return true;
    refuse(c, "ERR value is not a valid float");
    return false;
}

bool want_geo_point(struct call *c, int arg, struct geo_point *out)
{
    struct geo_point p;

    if (!want_degrees(c, arg, &p.longitude) || !want_degrees(c, arg + 1, &p.latitude))
        return false;
    if (!geo_is_on_map(p)) {
        reply_errorf(c->reply, "ERR invalid longitude,latitude pair %f,%f", p.longitude,
                     p.latitude);
        call_no_effect(c);
        return false;
    }
    *out = p;
    return true;
}

bool want_geo_unit(struct call *c, int arg, double *out_m)
{
    static const struct {
        const char *word;
        double metres;
    } units[] = { { "m", 1 }, { "km", 1000 }, { "ft", 0.3048 }, { "mi", 1609.34 } };

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (bytes_is_word(c->argv[arg], units[i].word)) {
            *out_m = units[i].metres;
            return true;
        }
    }
    refuse(c, "ERR unsupported unit provided. please use M, KM, FT, MI");
    return false;
}

static void reply_degrees(struct call *c, double degrees)
{
    enum { DEGREES_TEXT = 32 }; /* three digits, a point and seventeen */
    char text[DEGREES_TEXT];
    size_t len = fmt_long_double(text + 1, sizeof text - 3, degrees);

    if (c->reply->proto < 3) {
        reply_bulk(c->reply, (struct bytes){ text + 1, len });
        return;
    }
    text[0] = ',';
    memcpy(text + 1 + len, "\r\n", 2);
    reply_raw(c->reply, text, len + 3);
}

void reply_geo_point(struct call *c, struct geo_point p)
{
    reply_array(c->reply, 2);
    reply_degrees(c, p.longitude);
    reply_degrees(c, p.latitude);
}

void reply_geo_distance(struct call *c, double distance)
{
    reply_bulkf(c->reply, "%.4f", distance);
}

/* ---- GEOADD -------------------------------------------------------------------------------- */

static uint32_t geoadd_flag(struct bytes word)
{
    return bytes_is_word(word, "nx")   ? ZADD_NX
           : bytes_is_word(word, "xx") ? ZADD_XX
           : bytes_is_word(word, "ch") ? ZADD_CH
                                       : 0;
}

/* Words, and behind them at *out_first longitude, latitude and name of each place. */
static bool want_places(struct call *c, struct zset_adding *a, int *out_first)
{
    const uint32_t both = ZADD_NX | ZADD_XX;
    int first = 2;
    uint32_t flag;

    for (; first < c->argc && (flag = geoadd_flag(c->argv[first])); first++)
        a->flags |= flag;
    a->pairs = (c->argc - first) / 3;
    a->first_member = first + 2;
    a->step = 3;
    *out_first = first;
    if (a->pairs && (c->argc - first) % 3 == 0 && (a->flags & both) != both)
        return true;
    refuse_syntax(c);
    return false;
}

static bool want_place_scores(struct call *c, int first, int count, double *out)
{
    struct geo_point p;

    for (int i = 0; i < count; i++) {
        if (!want_geo_point(c, first + 3 * i, &p))
            return false;
        out[i] = (double)geo_score(p);
    }
    return true;
}

/* Followers hear of scores. */
static void effect_zadd(struct call *c, int first, int count, const double *scores)
{
    int argc = first + 2 * count;
    struct bytes *words = xmalloc((size_t)argc * sizeof *words);
    char(*texts)[ENTRY_INT_TEXT] = xmalloc((size_t)count * sizeof *texts);

    memcpy(words, c->argv, (size_t)first * sizeof *words);
    words[0] = BYTES("ZADD");
    for (int i = 0; i < count; i++) {
        words[first + 2 * i] = (struct bytes){ texts[i], fmt_i64(texts[i], (int64_t)scores[i]) };
        words[first + 2 * i + 1] = c->argv[first + 3 * i + 2];
    }
    call_effect(c, argc, words);
    xfree(texts);
    xfree(words);
}

void cmd_geoadd(struct call *c)
{
    struct zset_adding a = { 0 };
    int first;

    if (!want_places(c, &a, &first))
        return;
    a.scores = xmalloc((size_t)a.pairs * sizeof *a.scores);
    if (want_place_scores(c, first, a.pairs, a.scores)) {
        zset_add(c, &a);
        if (a.added || a.updated)
            effect_zadd(c, first, a.pairs, a.scores);
    }
    xfree(a.scores);
}

/* ---- looking ------------------------------------------------------------------------------- */

static bool place_of(const struct entry *e, struct bytes member, struct geo_point *out)
{
    double score;

    if (!e || !zset_score(entry_apart(e), member, &score))
        return false;
    *out = geo_point_of(score);
    return true;
}

void cmd_geopos(struct call *c)
{
    const struct entry *e = call_read(c, 1, 0);
    struct geo_point p;

    if (!want_type(c, e, VALUE_ZSET))
        return;
    reply_array(c->reply, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        if (place_of(e, c->argv[i], &p))
            reply_geo_point(c, p);
        else
            reply_null_array(c->reply);
    }
}

void cmd_geohash(struct call *c)
{
    const struct entry *e = call_read(c, 1, 0);
    struct geo_point p;
    char text[GEO_TEXT];

    if (!want_type(c, e, VALUE_ZSET))
        return;
    reply_array(c->reply, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        if (!place_of(e, c->argv[i], &p)) {
            reply_null(c->reply);
            continue;
        }
        geo_text(text, p);
        reply_bulk(c->reply, (struct bytes){ text, sizeof text });
    }
}

void cmd_geodist(struct call *c)
{
    const struct entry *e;
    struct geo_point a, b;
    double unit_m = 1;

    if (c->argc > 5) {
        refuse_syntax(c);
        return;
    }
    if (c->argc == 5 && !want_geo_unit(c, 4, &unit_m))
        return;
    e = call_read(c, 1, 0);
    if (!want_type(c, e, VALUE_ZSET))
        return;
    if (place_of(e, c->argv[2], &a) && place_of(e, c->argv[3], &b))
        reply_geo_distance(c, geo_distance_m(a, b) / unit_m);
    else
        reply_null(c->reply);
}
