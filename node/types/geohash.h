/*
 * geohash - places on the earth as numbers, so that what is near lies together in a sorted set.
 *
 *     A cell of step n is one of 2^n by 2^n that the map is cut into; its number has the bits of its row
 *     and its column in turn, so that a cell's own four quarters begin with its bits:
 *
 *        north   +----+----+        score of a place: its cell of step 26, 52 bits, which a double
 *                | 01 | 11 |        holds exactly. All places in a coarser cell are one range of scores.
 *                +----+----+
 *        south   | 00 | 10 |
 *                +----+----+
 *
 * The map is Mercator's, which ends at 85.05 degrees. Distances are great circles on a sphere.
 *
 * Replies and even the order of what is found come from these numbers, so everything is computed as Redis
 * computes it, in the same order of operations. Cost: O(1) each.
 */
#ifndef HF_NODE_TYPES_GEOHASH_H
#define HF_NODE_TYPES_GEOHASH_H

#include "common/err.h"

struct geo_point {
    double longitude, latitude; /* degrees */
};

/* It is on the map. */
bool geo_is_on_map(struct geo_point p);
/* The 52 bits of its cell; p is on the map. */
uint64_t geo_score(struct geo_point p);
/* The middle of the cell; any score is some place on the map. */
struct geo_point geo_point_of(double score);
/* The common text form, which divides the globe from pole to pole. */
enum { GEO_TEXT = 11 };
void geo_text(char out[GEO_TEXT], struct geo_point p);
double geo_distance_m(struct geo_point a, struct geo_point b);

/* A circle or a box around a point on the map; sizes in a unit of so many metres. */
struct geo_shape {
    struct geo_point center;
    bool is_box;
    double radius, width, height;
    double unit_m;
};
/* *out_m: how far p is from the centre; untouched where it is outside. */
bool geo_shape_has(const struct geo_shape *s, struct geo_point p, double *out_m);

/* Ranges of scores that together hold the shape: the cell around the centre, then its neighbours, without
 * those that the shape does not reach. Two may be the same where cells are as large as the map. */
enum { GEO_RANGES = 9 };
struct geo_range {
    double min, end; /* min <= score < end */
};
int geo_shape_ranges(const struct geo_shape *s, struct geo_range out[GEO_RANGES]);

#endif
