/*
 * scan - what SCAN, SSCAN, HSCAN and ZSCAN share: cursor, options, and how long one call goes on.
 *
 *     if (!want_scan_cursor(c, 2, &s)) return;   then, for a key's elements, the key
 *     if (!want_scan_options(c, 3, &s, NULL)) return;
 *     do step; while (scan_goes_on(&s, seen));
 *     reply_scan_head(c, &s);                    then an array of what was found
 */
#ifndef HF_NODE_TYPES_SCAN_H
#define HF_NODE_TYPES_SCAN_H

#include "common/command.h"

struct scan {
    uint64_t cursor;      /* 0: begin, or the end was reached */
    uint64_t count;       /* COUNT: elements worth stopping after */
    uint64_t steps_left;  /* however empty the buckets are */
    struct bytes pattern; /* at NULL: everything */
};

/* Refuses what strtoul would not read. */
bool want_scan_cursor(struct call *c, int arg, struct scan *out);
/* The options from an argument on; out_type (TYPE) may be NULL: not allowed. */
bool want_scan_options(struct call *c, int first, struct scan *s, struct bytes *out_type);
bool scan_matches(const struct scan *s, struct bytes text);
/* After a step that moved the cursor; seen: all elements shown, matching or not. */
bool scan_goes_on(struct scan *s, uint64_t seen);
/* The outer array of two, and the cursor. */
void reply_scan_head(struct call *c, const struct scan *s);

#endif
