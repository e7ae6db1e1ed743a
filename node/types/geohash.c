#include "node/types/geohash.h"

#include <math.h>

enum { STEP_MAX = 26 };

static const double longitude_max = 180, latitude_max = 85.05112878;
static const double earth_radius_m = 6372797.560856;
static const double mercator_max_m = 20037726.37; /* half the equator, on the map */
static const double degree = M_PI / 180;

struct range {
    double min, max;
};

/* What is cut into cells. */
struct map {
    struct range longitude, latitude;
};

static const struct map mercator = { { -180, 180 }, { -85.05112878, 85.05112878 } };
static const struct map globe = { { -180, 180 }, { -90, 90 } };

struct cell {
    uint64_t bits;
    unsigned step; /* 0: none */
};

/* ---- cells --------------------------------------------------------------------------------- */

/* The bits of n at every second place, from the lowest. */
static uint64_t spread(uint32_t n)
{
    uint64_t x = n;

    x = (x | x << 16) & 0x0000ffff0000ffff;
    x = (x | x << 8) & 0x00ff00ff00ff00ff;
    x = (x | x << 4) & 0x0f0f0f0f0f0f0f0f;
    x = (x | x << 2) & 0x3333333333333333;
    return (x | x << 1) & 0x5555555555555555;
}

static uint32_t gather(uint64_t x)
{
    x &= 0x5555555555555555;
    x = (x | x >> 1) & 0x3333333333333333;
    x = (x | x >> 2) & 0x0f0f0f0f0f0f0f0f;
    x = (x | x >> 4) & 0x00ff00ff00ff00ff;
    x = (x | x >> 8) & 0x0000ffff0000ffff;
    return (uint32_t)(x | x >> 16);
}

static uint32_t place_in(struct range r, double v, unsigned step)
{
    double part = (v - r.min) / (r.max - r.min);

    return (uint32_t)(part * (double)(UINT64_C(1) << step));
}

static struct cell cell_of(const struct map *map, struct geo_point p, unsigned step)
{
    uint32_t row = place_in(map->latitude, p.latitude, step);
    uint32_t column = place_in(map->longitude, p.longitude, step);

    return (struct cell){ spread(row) | spread(column) << 1, step };
}

static struct range edges(struct range r, uint32_t place, unsigned step)
{
    double cells = (double)(UINT64_C(1) << step), length = r.max - r.min;

    return (struct range){ r.min + place / cells * length, r.min + (place + 1) / cells * length };
}

static struct map area_of(struct cell c)
{
    return (struct map){ .latitude = edges(mercator.latitude, gather(c.bits), c.step),
                         .longitude = edges(mercator.longitude, gather(c.bits >> 1), c.step) };
}

/* The map goes on at its other edge. A point on the edge itself lies one place behind the last, and stays
 * there. */
static uint32_t moved(uint32_t place, int by, unsigned step)
{
    return by ? (place + (uint32_t)by) & (uint32_t)((UINT64_C(1) << step) - 1) : place;
}

/* The cell so many columns east and rows north. */
static struct cell cell_beside(struct cell c, int east, int north)
{
    uint32_t row = moved(gather(c.bits), north, c.step);
    uint32_t column = moved(gather(c.bits >> 1), east, c.step);

    return (struct cell){ spread(row) | spread(column) << 1, c.step };
}

/* ---- points -------------------------------------------------------------------------------- */

bool geo_is_on_map(struct geo_point p)
{
    return p.longitude >= -longitude_max && p.longitude <= longitude_max &&
           p.latitude >= -latitude_max && p.latitude <= latitude_max;
}

uint64_t geo_score(struct geo_point p)
{
    return cell_of(&mercator, p, STEP_MAX).bits;
}

/* A sorted set may hold any score. These are the bits that Redis's processors make of one that is no
 * number of 52 bits. */
static uint64_t bits_of_score(double score)
{
    if (score >= 0x1p64)
        return 0;
    if (score >= 0)
        return (uint64_t)score;
    return score < -0x1p63 ? UINT64_C(1) << 63 : (uint64_t)(int64_t)score;
}

static double middle(struct range r, double max)
{
    double v = (r.min + r.max) / 2;

    return v > max ? max : v < -max ? -max : v;
}

struct geo_point geo_point_of(double score)
{
    struct map area = area_of((struct cell){ bits_of_score(score), STEP_MAX });

    return (struct geo_point){ middle(area.longitude, longitude_max),
                               middle(area.latitude, latitude_max) };
}

void geo_text(char out[GEO_TEXT], struct geo_point p)
{
    static const char letters[] = "0123456789bcdefghjkmnpqrstuvwxyz";
    uint64_t bits = cell_of(&globe, p, STEP_MAX).bits;

    for (int i = 0; i < GEO_TEXT - 1; i++)
        out[i] = letters[bits >> (52 - 5 * (i + 1)) & 31];
    out[GEO_TEXT - 1] = '0'; /* five bits more than there are */
}

double geo_distance_m(struct geo_point a, struct geo_point b)
{
    double south = a.latitude * degree, north = b.latitude * degree;
    double u = sin((north - south) / 2);
    double v = sin((b.longitude * degree - a.longitude * degree) / 2);

    return 2.0 * earth_radius_m * asin(sqrt(u * u + cos(south) * cos(north) * v * v));
}

/* ---- shapes -------------------------------------------------------------------------------- */

static bool circle_has(const struct geo_shape *s, struct geo_point p)
{
    return !(geo_distance_m(s->center, p) > s->radius * s->unit_m);
}

/* Its width is measured along the circle of latitude of p. */
static bool box_has(const struct geo_shape *s, struct geo_point p)
{
    struct geo_point beside = { s->center.longitude, p.latitude };
    struct geo_point above = { p.longitude, s->center.latitude };

    return !(geo_distance_m(p, beside) > s->width * s->unit_m / 2) &&
           !(geo_distance_m(p, above) > s->height * s->unit_m / 2);
}

bool geo_shape_has(const struct geo_shape *s, struct geo_point p, double *out_m)
{
    if (!(s->is_box ? box_has : circle_has)(s, p))
        return false;
    *out_m = geo_distance_m(s->center, p);
    return true;
}

/* From the centre to the furthest point. */
static double reach_m(const struct geo_shape *s)
{
    if (!s->is_box)
        return s->radius * s->unit_m;
    return sqrt((s->width / 2) * (s->width / 2) + (s->height / 2) * (s->height / 2)) * s->unit_m;
}

/* What the shape covers in degrees. East to west it is as wide as the edge nearer to the pole needs. */
static struct map bounds_of(const struct geo_shape *s)
{
    double latitude = s->center.latitude, longitude = s->center.longitude;
    double height = s->unit_m * (s->is_box ? s->height / 2 : s->radius);
    double width = s->unit_m * (s->is_box ? s->width / 2 : s->radius);
    double up = height / earth_radius_m / degree;
    double edge = latitude < 0 ? latitude - up : latitude + up;
    double aside = width / earth_radius_m / cos(edge * degree) / degree;

    return (struct map){ .longitude = { longitude - aside, longitude + aside },
                         .latitude = { latitude - up, latitude + up } };
}

/* Cells of this step are so large that the shape reaches into direct neighbours only, in most cases. Towards
 * the poles the map is stretched. */
static unsigned step_for(double reach, double latitude)
{
    int step = 1;

    if (reach == 0)
        return STEP_MAX;
    for (; reach < mercator_max_m; reach *= 2)
        step++;
    step -= 2;
    if (latitude > 66 || latitude < -66)
        step--;
    if (latitude > 80 || latitude < -80)
        step--;
    return step < 1 ? 1 : step > STEP_MAX ? STEP_MAX : (unsigned)step;
}

/* The shape reaches beyond a direct neighbour after all. */
static bool outgrows(struct map bounds, struct cell c)
{
    return area_of(cell_beside(c, 0, 1)).latitude.max < bounds.latitude.max ||
           area_of(cell_beside(c, 0, -1)).latitude.min > bounds.latitude.min ||
           area_of(cell_beside(c, 1, 0)).longitude.max < bounds.longitude.max ||
           area_of(cell_beside(c, -1, 0)).longitude.min > bounds.longitude.min;
}

/* The shape ends before it leaves the cell in this direction. */
static bool is_out_of_reach(struct map bounds, struct map area, int east, int north)
{
    return (north < 0 && area.latitude.min < bounds.latitude.min) ||
           (north > 0 && area.latitude.max > bounds.latitude.max) ||
           (east < 0 && area.longitude.min < bounds.longitude.min) ||
           (east > 0 && area.longitude.max > bounds.longitude.max);
}

static struct geo_range range_of(struct cell c)
{
    unsigned shift = 2 * (STEP_MAX - c.step);

    return (struct geo_range){ (double)(c.bits << shift), (double)((c.bits + 1) << shift) };
}

int geo_shape_ranges(const struct geo_shape *s, struct geo_range out[GEO_RANGES])
{
    /* The order in which Redis finds what it does not sort. */
    static const struct {
        int east, north;
    } around[GEO_RANGES] = { { 0, 0 }, { 0, 1 },  { 0, -1 }, { 1, 0 },  { -1, 0 },
                             { 1, 1 }, { -1, 1 }, { 1, -1 }, { -1, -1 } };
    struct map bounds = bounds_of(s), area;
    unsigned step = step_for(reach_m(s), s->center.latitude);
    struct cell center = cell_of(&mercator, s->center, step);
    struct cell last = { 0, 0 };
    int count = 0;

    if (step > 1 && outgrows(bounds, center))
        center = cell_of(&mercator, s->center, --step);
    area = area_of(center);
    for (int i = 0; i < GEO_RANGES; i++) {
        struct cell c = cell_beside(center, around[i].east, around[i].north);

        if (step >= 2 && is_out_of_reach(bounds, area, around[i].east, around[i].north))
            continue;
        if (last.step && c.bits == last.bits)
            continue; /* the same neighbour again, which Redis sees where it follows itself */
        out[count++] = range_of(c);
        if (i > 0)
            last = c;
    }
    return count;
}
