/*
 * Places: what is found in a shape against asking every place, and the handlers line by line. Replies are those
 * of redis-server 7.0; tests/e2e compares with it at random, to the last digit.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "node/types/geohash.h"
#include "tests/check_main.h"
#include "tests/node/types/call_harness.h"
#include "tests/node/types/call_lines.h"

static double between(struct rng *rng, double min, double max)
{
    return min + (max - min) * (double)rng_below(rng, 1u << 30) / (1u << 30);
}

static struct geo_point somewhere(struct rng *rng)
{
    return (struct geo_point){ between(rng, -180, 180), between(rng, -85, 85) };
}

START_TEST(a_score_is_its_place)
{
    struct rng rng;

    rng_seed(&rng, test_seed());
    for (int step = 0; step < 20000; step++) {
        struct geo_point p = somewhere(&rng), q = geo_point_of((double)geo_score(p));

        ck_assert(geo_score(p) < UINT64_C(1) << 52);
        ck_assert(fabs(p.longitude - q.longitude) < 3e-6 && fabs(p.latitude - q.latitude) < 2e-6);
        ck_assert_uint_eq(geo_score(q), geo_score(p));
    }
}
END_TEST

/* As far as the cells around a centre are wide enough, which Redis's rule makes them away from the map's
 * edges. */
START_TEST(ranges_hold_what_the_shape_has)
{
    struct rng rng;
    int inside = 0;

    rng_seed(&rng, test_seed());
    for (int step = 0; step < 200000; step++) {
        struct geo_shape s = { .center = { between(&rng, -100, 100), between(&rng, -60, 60) },
                               .is_box = rng_below(&rng, 2),
                               .unit_m = 1000 };
        struct geo_range ranges[GEO_RANGES];
        struct geo_point p;
        double score, distance_m;
        bool found = false;
        int count;

        s.radius = s.width = pow(10, between(&rng, -2, 3));
        s.height = pow(10, between(&rng, -2, 3));
        p = (struct geo_point){ s.center.longitude + s.radius / 70 * between(&rng, -1, 1),
                                s.center.latitude + s.radius / 110 * between(&rng, -1, 1) };
        score = (double)geo_score(p);
        if (!geo_shape_has(&s, geo_point_of(score), &distance_m))
            continue;
        inside++;
        count = geo_shape_ranges(&s, ranges);
        ck_assert(count >= 1 && count <= GEO_RANGES);
        for (int i = 0; i < count; i++)
            found |= score >= ranges[i].min && score < ranges[i].end;
        ck_assert_msg(found, "%f,%f is not found around %f,%f", p.longitude, p.latitude,
                      s.center.longitude, s.center.latitude);
    }
    ck_assert_int_gt(inside, 20000);
}
END_TEST

/* Any score is a place: sorted sets hold what they hold. */
START_TEST(odd_scores_are_places)
{
    static const double scores[] = { 0,      -1,    -0.5,     0x1p52, 0x1p63,
                                     0x1p64, 1e300, INFINITY, -1e300, -INFINITY };

    for (size_t i = 0; i < ARRAY_LEN(scores); i++)
        ck_assert(geo_is_on_map(geo_point_of(scores[i])));
}
END_TEST

#define SICILY "GEOADD s 13.361389 38.115556 Palermo 15.087269 37.502669 Catania"

START_TEST(places_are_added_and_shown)
{
    RUN({ SICILY, ":2 / ZADD s 3479099956230698 Palermo 3479447370796909 Catania", "zadd:s " },
        { SICILY, ":0 / -", "" }, { "TYPE s", "+zset" },
        { "GEOADD s nx CH 0 0 Palermo 1 1 new",
          ":1 / ZADD s nx CH 3377699720527872 Palermo 3377822707026402 new" },
        { "GEOADD s XX CH 1 1 Palermo", ":1 / ZADD s XX CH 3377822707026402 Palermo" },
        { "GEODIST s new Palermo", "$0.0000" },
        { SICILY, ":0 / ZADD s 3479099956230698 Palermo 3479447370796909 Catania" },
        { "GEODIST s Palermo Catania", "$166274.1516" },
        { "GEODIST s Palermo Catania km", "$166.2742" },
        { "GEODIST s Palermo Catania MI", "$103.3182" }, { "GEODIST s Palermo none", "$-" },
        { "GEODIST none a b", "$-" },
        { "GEOHASH s Palermo Catania none", "*3[$sqc8b49rny0 $sqdtr74hyu0 $-]" },
        { "GEOPOS s Palermo none", "*2[*2[$13.36138933897018433 $38.11555639549629859] $-]" },
        { "GEOPOS none a", "*1[$-]" });
}
END_TEST

START_TEST(arguments_of_geoadd_are_refused)
{
    RUN({ "GEOADD s 181 0 a", "-ERR invalid longitude,latitude pair 181.000000,0.000000 / -" },
        { "GEOADD s 1 1 a 0 86 b", "-ERR invalid longitude,latitude pair 0.000000,86.000000 / -" },
        { "GEOADD s x 0 a", "-ERR value is not a valid float / -" }, { "EXISTS s", ":0" },
        { "GEOADD s 1 1 a 2 2", SYNTAX }, { "GEOADD s NX XX 1 1 a", SYNTAX },
        { "GEOADD s CH NX CH", SYNTAX }, { "GEOADD s GT 1 1 a", SYNTAX },
        { "GEODIST s a b x", "-ERR unsupported unit provided. please use M, KM, FT, MI" },
        { "GEODIST s a b m x", "-ERR syntax error" }, { "SET t 1", "+OK" },
        { "GEOADD t 1 1 a", WRONG });
}
END_TEST

START_TEST(places_are_found)
{
    RUN({ SICILY, ":2 / ZADD s 3479099956230698 Palermo 3479447370796909 Catania" },
        { "GEORADIUS s 15 37 200 km", "*2[$Palermo $Catania] / -" },
        { "GEORADIUS s 15 37 200 km WITHDIST DESC",
          "*2[*2[$Palermo $190.4424] *2[$Catania $56.4413]] / -" },
        { "GEORADIUS_RO s 15 37 200 km COUNT 1 WITHHASH", "*1[*2[$Catania :3479447370796909]]" },
        { "GEORADIUSBYMEMBER s Palermo 100 km", "*1[$Palermo] / -" },
        { "GEORADIUSBYMEMBER s none 100 km", "-ERR could not decode requested zset member / -" },
        { "GEORADIUSBYMEMBER none x y z", "*0[] / -" },
        { "GEOSEARCH s FROMLONLAT 15 37 BYBOX 400 400 KM ASC", "*2[$Catania $Palermo]" },
        { "GEOSEARCH s FROMMEMBER Catania BYRADIUS 1 m WITHCOORD",
          "*1[*2[$Catania *2[$15.08726745843887329 $37.50266842333162032]]]" },
        { "GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 400 km COUNT 1 ANY", "*1[$Palermo]" },
        { "GEOSEARCH none FROMMEMBER x BYRADIUS 1 m", "*0[]" });
}
END_TEST

START_TEST(what_is_found_is_stored)
{
    RUN({ SICILY, ":2 / ZADD s 3479099956230698 Palermo 3479447370796909 Catania" },
        { "GEORADIUS s 15 37 200 km STORE d", ":2", "georadiusstore:d " },
        { "GEOPOS d Palermo", "*1[*2[$13.36138933897018433 $38.11555639549629859]]" },
        { "GEORADIUSBYMEMBER s Catania 200 km STOREDIST d", ":2", "georadiusstore:d " },
        { "ZSCORE d Catania", "$0" },
        { "GEOSEARCHSTORE d s FROMLONLAT 15 37 BYBOX 150 150 km STOREDIST", ":1",
          "geosearchstore:d " },
        { "ZRANGE d 0 -1", "*1[$Catania]" },
        { "GEOSEARCHSTORE s s FROMMEMBER Catania BYRADIUS 1 km", ":1" },
        { "ZRANGE s 0 -1", "*1[$Catania]" },
        { "GEOSEARCHSTORE d s FROMLONLAT 0 0 BYRADIUS 1 m", ":0", "del:d " },
        { "GEOSEARCHSTORE d s FROMLONLAT 0 0 BYRADIUS 1 m", ":0 / -", "" },
        { "GEORADIUS none 0 0 1 m STORE s", ":0", "del:s " });
}
END_TEST

START_TEST(arguments_of_searches_are_refused)
{
    RUN({ SICILY, ":2 / ZADD s 3479099956230698 Palermo 3479447370796909 Catania" },
        { "GEORADIUS s 15 37 x km", "-ERR need numeric radius / -" },
        { "GEORADIUS s 15 37 -1 km", "-ERR radius cannot be negative / -" },
        { "GEORADIUS s 15 37 1 x", "-ERR unsupported unit provided. please use M, KM, FT, MI / -" },
        { "GEORADIUS s 15 37 1 km COUNT 0", "-ERR COUNT must be > 0 / -" },
        { "GEORADIUS s 15 37 1 km ANY", "-ERR the ANY argument requires COUNT argument / -" },
        { "GEORADIUS s 15 37 1 km STORE", SYNTAX },
        { "GEORADIUS_RO s 15 37 1 km STORE x", "-ERR syntax error" },
        { "GEORADIUS s 15 37 1 km STORE x WITHDIST",
          "-ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD "
          "options / -" },
        { "GEOSEARCHSTORE d s FROMLONLAT 0 0 BYRADIUS 1 m WITHHASH",
          "-ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options / "
          "-" },
        { "GEOSEARCH s FROMLONLAT 0 0 FROMMEMBER Catania BYRADIUS 1 m", "-ERR syntax error" },
        { "GEOSEARCH s FROMLONLAT 0 0 BYRADIUS 1 m BYBOX 1 1 m", "-ERR syntax error" },
        { "geosearch s FROMLONLAT 0 0 ASC DESC ASC",
          "-ERR exactly one of BYRADIUS and BYBOX can be specified for geosearch" },
        { "GEOSEARCH s BYRADIUS 1 m ASC DESC",
          "-ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH" },
        { "GEOSEARCH s FROMLONLAT 0 0 BYBOX -1 1 m", "-ERR height or width cannot be negative" },
        { "GEOSEARCH s FROMLONLAT 0 0 BYBOX 1 x m", "-ERR need numeric height" },
        { "SET t 1", "+OK" }, { "GEOSEARCHSTORE d t FROMLONLAT 0 0 BYBOX x 1 m", WRONG });
}
END_TEST

CHECK_MAIN("geo", a_score_is_its_place, ranges_hold_what_the_shape_has, odd_scores_are_places,
           places_are_added_and_shown, arguments_of_geoadd_are_refused, places_are_found,
           what_is_found_is_stored, arguments_of_searches_are_refused)
