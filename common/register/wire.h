/*
 * wire - the words that carry a register's messages, orders and receipts.
 *
 *     SENTINEL HF PREPARE  format voter gid ballot ver voters-hash   proposer -> voter
 *     SENTINEL HF ACCEPT   format voter gid ballot charter
 *     SENTINEL HF LEARN    format voter gid ballot                   answered +OK
 *     SENTINEL HF GET      format voter gid ballot
 *     SENTINEL HF ENROL    format group                              -> VALUE, of a voter made where there was none
 *     SENTINEL HF SUSPECT, OPINION, LOOKOUT                          suspicion.h of the sentinels, lookout.h
 *       PROMISE            format voter gid ballot promised accepted committed charter
 *       ACCEPTED           format voter gid ballot promised
 *       NACK               format voter gid ballot promised why accepted committed charter
 *       VALUE              format voter gid ballot promised accepted committed charter
 *     HF HELLO             format gid seq sentinel                   sentinel -> node
 *     HF PING              format gid seq epoch ver
 *     HF PROMOTE           format gid seq charter suspects
 *     HF CONFIG            format gid seq charter
 *     HF HANDOFF           format gid seq epoch ver target timeout-ms
 *       OK STALE GROUP     format seq gid node did boot run role flags priority promised ver epoch offset written
 *       NOTSYNC BUSYSYNC     synced commit loop-age-ms beat-age-ms
 *       LAGS                 follows hands-to                                (2)
 *
 * A request is these words; a reply is an array of them, all bulks. A ballot is two words: round, proposer. Numbers are
 * decimal; a charter is its text (charter.h), empty where there is none; suspects are ids with commas between them;
 * follows is port, blank, host, or empty.
 * gid is empty where a group is not known yet: in HELLO and PING, in the receipt of a node that has none, in VALUE.
 * Words and flags with a (2) came with format 2.
 *
 * A voter is addressed by its id, which is that of its memory: who lost it cannot be taken for who it was.
 *
 *   1. one message has one encoding: what is read and written again gives the same words
 *   2. *format* is that of who wrote it, and a new one only adds words at the end (or bits to flags). So a reader takes
 *      from a newer message what it knows and leaves the rest, and what an older one lacks is 0; one of a format that
 *      it knows has to be exact
 *   3. what cannot be said by adding words is another verb, which an older reader refuses by name. Nobody sends it
 *      before all whom it concerns have answered in a format that has it
 *   4. whatever was read is within its limits, and a charter is sound and of the message's group
 *
 * Cost: O(bytes), which are below WIRE_BYTES_MAX.
 */
#ifndef HF_COMMON_REGISTER_WIRE_H
#define HF_COMMON_REGISTER_WIRE_H

#include "common/register/reg.h"
#include "common/register/report.h"
#include "common/resp.h"

enum {
    WIRE_NEWEST = 2,     /* format: common/format.h */
    WIRE_WORDS_MAX = 28, /* of a message of this format, with room for a newer one's */
    WIRE_BYTES_MAX = CHARTER_BYTES_MAX + 1024,
    WIRE_GROUP_MAX = 255, /* of a group's name */
};

/* The words of one message. Zeroed: none. */
struct wire {
    struct bytes words[WIRE_WORDS_MAX];
    int count;
    struct buf text; /* what they point into, where they were written here */
};
void wire_fini(struct wire *w);

/* Words that were read: borrowed. What stands beyond WIRE_WORDS_MAX is a newer format's. */
void wire_of_words(struct wire *w, int argc, const struct bytes *argv);
/* False: it is no array of bulks. */
bool wire_of_reply(struct wire *w, const struct resp_value *reply) MUST_CHECK;
/* Its sender's; 0: it says none. */
uint32_t wire_format(const struct wire *w);
uint32_t wire_format_own(void);

/* Writing replaces what w held; words are valid until the next. voter of a request is whom it goes to. */
void wire_put_message(struct wire *w, const struct reg_message *m);
void wire_put_enrol(struct wire *w, const char *group);
void wire_put_order(struct wire *w, const struct order *o);
void wire_put_receipt(struct wire *w, const struct receipt *a);
void wire_reply(const struct wire *w, struct reply *r);

/* For those who say something else by the same rules: a verb and the format, then words, then the end, behind which
 * words may be read. */
void wire_begin(struct wire *w, const char *verb);
void wire_put_text(struct wire *w, const char *text);
void wire_put_number(struct wire *w, uint64_t v);
void wire_end(struct wire *w);
/* Exactly len hex digits, and a zero behind them. */
bool wire_take_hex(struct bytes word, char *out, size_t len);

/* ERR_SYNTAX, *out untouched: the sentence says which word is odd. */
enum err wire_take_message(const struct wire *w, struct reg_message *out,
                           struct errmsg *out_why) MUST_CHECK;
/* Borrows from w. */
enum err wire_take_enrol(const struct wire *w, struct bytes *out_group,
                         struct errmsg *out_why) MUST_CHECK;
enum err wire_take_order(const struct wire *w, struct order *out,
                         struct errmsg *out_why) MUST_CHECK;
enum err wire_take_receipt(const struct wire *w, struct receipt *out,
                           struct errmsg *out_why) MUST_CHECK;

#endif
