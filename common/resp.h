/*
 * resp - the Redis protocol, versions 2 and 3, without I/O.
 *
 * Three parts: a reader of requests (what a server receives), a reader of replies (what a client
 * receives), and a writer of replies. Readers are incremental: they are handed all bytes received
 * and not yet consumed, remember how far they got, and hand out slices of those bytes without
 * copying. Errors carry the sentence that Redis sends before it closes the link.
 *
 * Source: the RESP2 and RESP3 specifications; sizes, error texts and inline rules as redis-server
 * 7.0 behaves.
 */
#ifndef HF_COMMON_RESP_H
#define HF_COMMON_RESP_H

#include "common/bytes.h"
#include "common/out.h"

/* ---- requests ------------------------------------------------------------------------------ */

/* What a client may send before it has authenticated, whatever the other limits say. */
enum { RESP_ARGC_UNAUTHENTICATED = 10, RESP_BULK_UNAUTHENTICATED = 16 * 1024 };

struct resp_limits {
    uint64_t argc_max;         /* arguments of one request; Redis: 2^31 - 1 */
    uint64_t bulk_bytes_max;   /* proto-max-bulk-len; 512 MiB */
    uint64_t inline_bytes_max; /* 64 KiB: an inline request, and one header line */
    bool unauthenticated;      /* the two limits above hold as well; cleared by AUTH */
};

enum resp_status {
    RESP_MORE, /* all bytes looked at, the item is not whole yet */
    RESP_ITEM, /* one item; its bytes are consumed when the caller says so */
    RESP_BAD,  /* protocol error: reader->error has the sentence; close after sending it */
};

struct resp_request {
    struct bytes *argv; /* slices of the caller's buffer, or of the reader's scratch for inline */
    int argc;           /* 0: an empty line or *0, to be skipped silently */
    size_t bytes;       /* what to drop from the front of the buffer once it was executed */
};

struct resp_reader {
    struct resp_limits limits;
    struct bytes *argv;
    size_t argv_cap;
    size_t scanned;     /* how far into the buffer the item was understood */
    int64_t bulks_left; /* of a started multibulk; -1: none started */
    int64_t bulk_len;   /* of a started bulk; -1: its header is next */
    size_t searched;    /* no line end before here */
    int argc;
    struct buf scratch; /* unquoted inline arguments */
    char error[128];    /* "Protocol error: …" without the "-ERR " */
};

void resp_reader_init(struct resp_reader *r, struct resp_limits limits);
void resp_reader_fini(struct resp_reader *r);

/* Looks at data (everything received and not consumed, from the same first byte as the call before).
 * RESP_ITEM: *out_request is valid until data moves or the next call. The base may move between
 * calls: the reader keeps offsets. After RESP_BAD the reader is used up. The limits may be changed at
 * any time. Where a stream is cut into pieces makes no difference to what comes out.
 * Cost: every byte is looked at once; argv grows with the arguments that came, not with those that
 * were announced. */
enum resp_status resp_read_request(struct resp_reader *r, struct bytes data,
                                   struct resp_request *out_request) MUST_CHECK;
/* The words behind the name of a request: most often a key and what of it is asked for. Empty: there is none. */
struct resp_glance {
    struct bytes key, next, after;
};
/* Those of up to max whole multibulk requests at the front of data; how many were found. A look ahead, to fetch
 * memory early: it stops at anything it does not understand at a glance, believes nothing and changes nothing.
 * Borrowed from data. Cost: a few bytes of each request. */
int resp_glance(struct bytes data, struct resp_glance *out, int max);
/* The arguments of a multibulk request that was just read, but for one, are copied: they no longer borrow from data. */
void resp_reader_set_aside(struct resp_reader *r, int argc, int but);
/* Of a bulk that has begun: how many bytes the buffer must hold in all for it to be whole, so that a
 * large value is read with one growth. 0 when unknown. */
size_t resp_reader_wants(const struct resp_reader *r);

/* ---- replies read -------------------------------------------------------------------------- */

enum resp_kind {
    RESP_SIMPLE,
    RESP_ERROR,
    RESP_INTEGER,
    RESP_BULK,
    RESP_NULL,
    RESP_ARRAY, /* RESP2 */
    RESP_DOUBLE,
    RESP_BOOL,
    RESP_BIGNUM,
    RESP_VERBATIM,
    RESP_MAP,
    RESP_SET,
    RESP_PUSH, /* RESP3 */
};

struct resp_value {
    enum resp_kind kind;
    struct bytes text; /* simple, error (without '-'), bulk, verbatim (without "txt:"), bignum */
    int64_t integer;   /* integer, bool */
    double number;     /* double */
    struct resp_value *items; /* array, set, push: count of them; map: 2 * count, key then value */
    size_t count;
};

struct resp_replies {
    uint64_t bulk_bytes_max, items_max; /* limits: a reply over them is RESP_BAD */
    int depth_max;
    size_t scanned;   /* how far into the reply its frame was understood */
    size_t searched;  /* no line end before here */
    uint64_t missing; /* values the started reply still owes; 0: none started */
    uint64_t items;   /* values announced so far */
    struct resp_value *pool;
    size_t pool_cap, pool_used;
    char error[128];
};

/* Defaults: 512 MiB a bulk, 1 M items, 32 levels. */
void resp_replies_init(struct resp_replies *r);
void resp_replies_fini(struct resp_replies *r);
/* One whole reply at the front of data. RESP_ITEM: *out_value borrows data and the reader until the
 * next call, *out_bytes is what it took. Attributes ('|') are skipped; streamed values ("$?") are
 * refused, and so is a line over 64 KiB. Like the request reader it may be called with the same
 * first byte and more data until the reply is whole, and looks at every byte at most twice. */
enum resp_status resp_read_reply(struct resp_replies *r, struct bytes data,
                                 const struct resp_value **out_value, size_t *out_bytes) MUST_CHECK;

/* Helpers for readers of replies. */
const struct resp_value *resp_item(const struct resp_value *v, size_t i); /* NULL beyond the end */
/* In a map, or an array of pairs: the value under a name. NULL when absent. */
const struct resp_value *resp_field(const struct resp_value *v, const char *name);

/* ---- replies written ----------------------------------------------------------------------- */

/* Where a handler writes its reply. The version decides how maps, nulls, doubles and the like look. */
struct reply {
    struct out *out;
    int proto;           /* 2 or 3 */
    uint32_t errors;     /* how many errors were written: a failed call is counted by it */
    char error_code[32]; /* first word of the last error: "ERR", "WRONGTYPE", … */
};

/* Nobody will read what is written from now on: more waits than the peer may leave unread. */
bool reply_is_over(const struct reply *r);

void reply_simple(struct reply *r, const char *text); /* +OK */
void reply_ok(struct reply *r);
/* text without '-'; where its first word is not upper case, "ERR " is put in front, so a sentence that
 * begins with a command's name in capitals must bring its own code ("ERR EXEC without MULTI"). CR and
 * LF become blanks, so that no argument can forge a second reply. */
void reply_error(struct reply *r, const char *text);
/* The same without a word in front: of a script, which says what it likes. */
void reply_error_as_is(struct reply *r, struct bytes text);
void reply_errorf(struct reply *r, const char *format, ...) PRINTF_LIKE(2, 3);
void reply_int(struct reply *r, int64_t v);
void reply_bulk(struct reply *r, struct bytes data);
void reply_text(struct reply *r, const char *text); /* a bulk of a C string */
void reply_bulkf(struct reply *r, const char *format, ...) PRINTF_LIKE(2, 3);
void reply_bulk_int(struct reply *r, int64_t v); /* a bulk holding decimal */
void reply_null(struct reply *r);                /* $-1 or _ */
void reply_null_array(struct reply *r);          /* *-1 or _ */
void reply_array(struct reply *r, size_t count); /* count items follow */
void reply_map(struct reply *r, size_t pairs);   /* *2n or %n */
void reply_set(struct reply *r, size_t count);   /* *n or ~n */
void reply_push(struct reply *r, size_t count);  /* *n or >n */
/* Pairs about the reply that follows; not for RESP2, which has none. */
void reply_attributes(struct reply *r, size_t pairs);
void reply_double(struct reply *r, double v);                             /* bulk or , */
void reply_bool(struct reply *r, bool v);                                 /* :1 or #t */
void reply_verbatim(struct reply *r, const char *ext, struct bytes text); /* bulk or = */
void reply_bignum(struct reply *r, struct bytes digits);
void reply_raw(struct reply *r, const void *resp, size_t len); /* encoded already */

/* ---- requests written ---------------------------------------------------------------------- */

void resp_put_command(struct buf *b, int argc, const struct bytes *argv);
void resp_put_array(struct buf *b, size_t count);
void resp_put_bulk(struct buf *b, struct bytes data);
/* From C strings: resp_put_words(b, 3, "SET", "a", "1"). */
void resp_put_words(struct buf *b, int argc, ...);

#endif
