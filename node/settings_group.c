#include "node/settings_group.h"

#include <string.h>

#include "common/register/charter.h"
#include "node/settings.h"

static const struct setting_word solo_words[] = {
    { "no", HF_SOLO_NO },
    { "fsync", HF_SOLO_FSYNC },
    { NULL, 0 },
};

static const struct setting_word read_words[] = {
    { "committed", HF_READ_COMMITTED },
    { "confirm", HF_READ_CONFIRM },
    { "local", HF_READ_LOCAL },
    { NULL, 0 },
};

#define AT(field) .at = offsetof(struct node_settings, field)

static enum err check_group(struct bytes value, struct errmsg *out_why)
{
    size_t digits = 0;

    while (digits < value.len && strchr("0123456789abcdef", value.at[digits]) && value.at[digits])
        digits++;
    if (digits == value.len && (value.len == 0 || value.len == GID_LEN))
        return OK;
    errmsg_set(out_why, "a durable group's id has %d hexadecimal digits", GID_LEN);
    return ERR_SYNTAX;
}

const struct setting group_setting_rows[] = {
    /* clang-format off */
    { .name = "hf-group", .kind = SET_TEXT, AT(hf_group), .when = SET_LIVE, .check = check_group,
      .help = "Id of the durable group that has bound this node, which writes it here; without hf.meta it then serves nobody until bound again." },
    { .name = "hf-heartbeat", .kind = SET_INT, .def = "50", .min = "10", .max = "1000",
      AT(hf_heartbeat_ms), .when = SET_LIVE,
      .help = "Milliseconds between a durable leader's beats to its followers." },
    { .name = "hf-silence-limit", .kind = SET_INT, .def = "150", .min = "30", .max = "60000",
      AT(hf_silence_limit_ms), .when = SET_LIVE,
      .help = "Milliseconds without an acknowledgement after which a follower is taken out of the sync set." },
    { .name = "hf-reset-grace", .kind = SET_INT, .def = "20", .min = "0", .max = "60000",
      AT(hf_reset_grace_ms), .when = SET_LIVE,
      .help = "The same for one whose connection broke." },
    { .name = "hf-sync-max-lag", .kind = SET_INT, .def = "1000", .min = "10", .max = "600000",
      AT(hf_sync_max_lag_ms), .when = SET_LIVE,
      .help = "Milliseconds that what a follower acknowledges may be old before it is taken out." },
    { .name = "hf-grow-stable", .kind = SET_INT, .def = "1000", .min = "0", .max = "600000",
      AT(hf_grow_stable_ms), .when = SET_LIVE,
      .help = "Milliseconds that a follower keeps up before it comes into the sync set." },
    { .name = "hf-grow-hold-down-max", .kind = SET_INT, .def = "60000", .min = "2000", .max = "3600000",
      AT(hf_grow_hold_down_max_ms), .when = SET_LIVE,
      .help = "Longest wait, in milliseconds, of one that was taken out again and again." },
    { .name = "hf-stall-refuse", .kind = SET_INT, .def = "1000", .min = "0", .max = "2147483647",
      AT(hf_stall_refuse_ms), .when = SET_LIVE,
      .help = "Milliseconds without the acknowledgements that replies wait for, after which writes are refused; 0: never." },
    { .name = "hf-confirm-timeout", .kind = SET_INT, .def = "5000", .min = "0", .max = "2147483647",
      AT(hf_confirm_timeout_ms), .when = SET_LIVE,
      .help = "Milliseconds that a client waits for them before it is closed, unanswered; 0: for ever." },
    { .name = "hf-stale-read-limit", .kind = SET_INT, .def = "500", .min = "0", .max = "2147483647",
      AT(hf_stale_read_limit_ms), .when = SET_LIVE,
      .help = "Milliseconds without a word of any other copy, after which a durable leader answers no reads; 0: never." },
    { .name = "hf-read-mode", .kind = SET_ENUM, .def = "committed", AT(hf_read_mode),
      .words = read_words, .when = SET_LIVE,
      .help = "What a durable leader's reads wait for: the last write of their keys, a word of every other copy besides, nothing." },
    { .name = "hf-solo", .kind = SET_ENUM, .def = "fsync", AT(hf_solo), .words = solo_words,
      .when = SET_LIVE,
      .help = "What replies wait for while a durable leader has the only copy: its own fsync, or no more than the level says." },
    { .name = "hf-discarded-max", .kind = SET_BYTES, .def = "64mb", .min = "0", .max = "1gb",
      AT(hf_discarded_bytes_max), .when = SET_LIVE,
      .help = "Of what a former leader has to throw away, kept in hf-discarded-* files for a person to look at; 0: nothing." },
    { .name = "hf-join", .kind = SET_BOOL, .def = "yes", AT(hf_join), .when = SET_LIVE,
      .help = "Whether a follower of a durable group's node lets the sentinels make it a member, whose copy counts." },
    { .name = "hf-sentinel-user", .kind = SET_TEXT, AT(hf_sentinel_user), .when = SET_LIVE,
      .help = "User to say to the sentinels of a durable group." },
    { .name = "hf-sentinel-pass", .kind = SET_PASSWORD, AT(hf_sentinel_pass), .when = SET_LIVE,
      .help = "Password to say to them." },
    { .name = "hf-sentinel-pass-fallback", .kind = SET_PASSWORD, AT(hf_sentinel_pass_fallback), .when = SET_LIVE,
      .help = "Password tried where they refuse that one." },
    { .name = NULL },
};
/* clang-format on */
