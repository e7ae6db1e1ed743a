/*
 * geo_rows - one row per geo command.
 */
#include "node/types/geo.h"
#include "node/types/types.h"

/* The key, and every one that is named to store into: the last of them is written, and rights are needed to all. */
static int find_stored(int argc, const struct bytes *argv, int options, int *out_positions, int max)
{
    int count = 0;

    if (max < 1)
        return -1;
    out_positions[count++] = 1;
    for (int i = options; i + 1 < argc; i++) {
        if (!bytes_is_word(argv[i], "store") && !bytes_is_word(argv[i], "storedist"))
            continue;
        if (count == max)
            return -1;
        out_positions[count++] = ++i;
    }
    return count;
}

static int find_georadius_keys(int argc, const struct bytes *argv, int *out_positions, int max)
{
    return find_stored(argc, argv, 6, out_positions, max);
}

static int find_georadiusbymember_keys(int argc, const struct bytes *argv, int *out_positions,
                                       int max)
{
    return find_stored(argc, argv, 5, out_positions, max);
}

const struct command geo_commands[] = {
    { .name = "geoadd",
      .run = cmd_geoadd,
      .argc_min = 5,
      .argc_max = ARGC_ANY,
      .flags = CMD_WRITE | CMD_DENYOOM,
      .acl = ACL_GEO,
      .keys = { 1, 1, 1 },
      .key_specs = "RW update",
      .group = "geo",
      .since = "3.2.0",
      .cost = "O(log(N)) for each item added, where N is the number of elements in the sorted "
              "set.",
      .args = "key [condition:(NX|XX)@6.2.0] [change:'CH'@6.2.0] {longitude:double "
              "latitude:double member}+",
      .help = "Adds places to a sorted set, or moves them.",
      .history = "6.2.0:NX, XX and CH." },
    { .name = "geodist",
      .run = cmd_geodist,
      .argc_min = 4,
      .argc_max = ARGC_ANY,
      .flags = CMD_READONLY,
      .acl = ACL_GEO,
      .keys = { 1, 1, 1 },
      .key_specs = "RO access",
      .group = "geo",
      .since = "3.2.0",
      .cost = "O(log(N))",
      .args = "key member1 member2 [unit:(M|KM|FT|MI)]",
      .help = "How far apart two places are." },
    { .name = "geohash",
      .run = cmd_geohash,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_READONLY,
      .acl = ACL_GEO,
      .keys = { 1, 1, 1 },
      .key_specs = "RO access",
      .group = "geo",
      .since = "3.2.0",
      .cost = "O(log(N)) for each member requested, where N is the number of elements in the "
              "sorted set.",
      .args = "key member+",
      .help = "Places as geohash texts, which other software understands." },
    { .name = "geopos",
      .run = cmd_geopos,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_READONLY,
      .acl = ACL_GEO,
      .keys = { 1, 1, 1 },
      .key_specs = "RO access",
      .group = "geo",
      .since = "3.2.0",
      .cost = "O(N) where N is the number of members requested.",
      .args = "key member+",
      .help = "Longitudes and latitudes of places." },
    { .name = "georadius",
      .run = cmd_georadius,
      .argc_min = 6,
      .argc_max = ARGC_ANY,
      .flags = CMD_WRITE | CMD_DENYOOM | CMD_MOVABLEKEYS,
      .acl = ACL_GEO,
      .keys = { 1, 1, 1, .find = find_georadius_keys },
      .key_specs = "RO access;OW update keyword=STORE:6;OW update keyword=STOREDIST:6",
      .group = "geo",
      .since = "3.2.0",
      .cost = "O(N+log(M)) where N is the number of elements inside the bounding box of the "
              "circular area delimited by center and radius and M is the number of items "
              "inside the index.",
      .args = "key longitude:double latitude:double radius:double unit:(M|KM|FT|MI) "
              "[WITHCOORD] [WITHDIST] [WITHHASH] [count:{COUNT=count:integer [ANY@6.2.0]}] "
              "[order:(ASC|DESC)] [STORE=key:key1] [STOREDIST=key:key2]",
      .help = "The places within a distance of a point, shown or stored.",
      .history = "6.2.0:ANY beside COUNT.|7.0.0:The units are known in capitals too.",
      .deprecated = "6.2.0|`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument" },
    { .name = "georadius_ro",
      .run = cmd_georadius_ro,
      .argc_min = 6,
      .argc_max = ARGC_ANY,
      .flags = CMD_READONLY,
      .acl = ACL_GEO,
      .keys = { 1, 1, 1 },
      .key_specs = "RO access",
      .group = "geo",
      .since = "3.2.10",
      .cost = "O(N+log(M)) where N is the number of elements inside the bounding box of the "
              "circular area delimited by center and radius and M is the number of items "
              "inside the index.",
      .args = "key longitude:double latitude:double radius:double unit:(M|KM|FT|MI) "
              "[WITHCOORD] [WITHDIST] [WITHHASH] [count:{COUNT=count:integer [ANY@6.2.0]}] "
              "[order:(ASC|DESC)]",
      .help = "The places within a distance of a point.",
      .history = "6.2.0:ANY beside COUNT.",
      .deprecated = "6.2.0|`GEOSEARCH` with the `BYRADIUS` argument" },
    { .name = "georadiusbymember",
      .run = cmd_georadiusbymember,
      .argc_min = 5,
      .argc_max = ARGC_ANY,
      .flags = CMD_WRITE | CMD_DENYOOM | CMD_MOVABLEKEYS,
      .acl = ACL_GEO,
      .keys = { 1, 1, 1, .find = find_georadiusbymember_keys },
      .key_specs = "RO access;OW update keyword=STORE:5;OW update keyword=STOREDIST:5",
      .group = "geo",
      .since = "3.2.0",
      .cost = "O(N+log(M)) where N is the number of elements inside the bounding box of the "
              "circular area delimited by center and radius and M is the number of items "
              "inside the index.",
      .args = "key member radius:double unit:(M|KM|FT|MI) [WITHCOORD] [WITHDIST] [WITHHASH] "
              "[count:{COUNT=count:integer [ANY]}] [order:(ASC|DESC)] [STORE=key:key1] "
              "[STOREDIST=key:key2]",
      .help = "The places within a distance of one of them, shown or stored.",
      .history = "7.0.0:The units are known in capitals too.",
      .deprecated = "6.2.0|`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and "
                    "`FROMMEMBER` arguments" },
    { .name = "georadiusbymember_ro",
      .run = cmd_georadiusbymember_ro,
      .argc_min = 5,
      .argc_max = ARGC_ANY,
      .flags = CMD_READONLY,
      .acl = ACL_GEO,
      .keys = { 1, 1, 1 },
      .key_specs = "RO access",
      .group = "geo",
      .since = "3.2.10",
      .cost = "O(N+log(M)) where N is the number of elements inside the bounding box of the "
              "circular area delimited by center and radius and M is the number of items "
              "inside the index.",
      .args = "key member radius:double unit:(M|KM|FT|MI) [WITHCOORD] [WITHDIST] [WITHHASH] "
              "[count:{COUNT=count:integer [ANY]}] [order:(ASC|DESC)]",
      .help = "The places within a distance of one of them.",
      .deprecated = "6.2.0|`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments" },
    { .name = "geosearch",
      .run = cmd_geosearch,
      .argc_min = 7,
      .argc_max = ARGC_ANY,
      .flags = CMD_READONLY,
      .acl = ACL_GEO,
      .keys = { 1, 1, 1 },
      .key_specs = "RO access",
      .group = "geo",
      .since = "6.2.0",
      .cost = "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box "
              "area around the shape provided as the filter and M is the number of items "
              "inside the shape",
      .args = "key from:(FROMMEMBER=member|FROMLONLAT={longitude:double latitude:double}) "
              "by:(circle:{BYRADIUS=radius:double unit:(M|KM|FT|MI)}|box:{BYBOX=width:double "
              "height:double unit:(M|KM|FT|MI)}) [order:(ASC|DESC)] "
              "[count:{COUNT=count:integer [ANY]}] [WITHCOORD] [WITHDIST] [WITHHASH]",
      .help = "The places within a circle or a box.",
      .history = "7.0.0:The units are known in capitals too." },
    { .name = "geosearchstore",
      .run = cmd_geosearchstore,
      .argc_min = 8,
      .argc_max = ARGC_ANY,
      .flags = CMD_WRITE | CMD_DENYOOM,
      .acl = ACL_GEO,
      .keys = { 1, 2, 1 },
      .key_specs = "OW update range=0:1:0;RO access index=2",
      .group = "geo",
      .since = "6.2.0",
      .cost = "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box "
              "area around the shape provided as the filter and M is the number of items "
              "inside the shape",
      .args = "destination:key source:key1 "
              "from:(FROMMEMBER=member|FROMLONLAT={longitude:double latitude:double}) "
              "by:(circle:{BYRADIUS=radius:double unit:(M|KM|FT|MI)}|box:{BYBOX=width:double "
              "height:double unit:(M|KM|FT|MI)}) [order:(ASC|DESC)] "
              "[count:{COUNT=count:integer [ANY]}] [STOREDIST]",
      .help = "Stores the places within a circle or a box.",
      .history = "7.0.0:The units are known in capitals too." },
    { 0 },
};
