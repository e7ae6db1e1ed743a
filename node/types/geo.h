/*
 * geo - the handlers of the geo commands, for their rows, and what their files share. Places are members of
 * sorted sets, their scores are made in geohash.c.
 */
#ifndef HF_NODE_TYPES_GEO_H
#define HF_NODE_TYPES_GEO_H

#include "common/command.h"
#include "node/types/geohash.h"

/* Longitude and latitude at two arguments. */
bool want_geo_point(struct call *c, int arg, struct geo_point *out);
/* m, km, ft or mi, as metres. */
bool want_geo_unit(struct call *c, int arg, double *out_m);
void reply_geo_point(struct call *c, struct geo_point p);
void reply_geo_distance(struct call *c, double distance);

/* geo.c */
void cmd_geoadd(struct call *c);
void cmd_geodist(struct call *c);
void cmd_geohash(struct call *c);
void cmd_geopos(struct call *c);

/* geo_search.c */
void cmd_georadius(struct call *c);
void cmd_georadius_ro(struct call *c);
void cmd_georadiusbymember(struct call *c);
void cmd_georadiusbymember_ro(struct call *c);
void cmd_geosearch(struct call *c);
void cmd_geosearchstore(struct call *c);

#endif
