/* Whether a selector allows a call. */
#include "common/acl/selector.h"

#include "common/alloc.h"

static bool allows_argument(const struct selector *s, int id, int argc, const struct bytes *argv)
{
    for (size_t i = 0; argc > 1 && i < s->argument_count; i++)
        if (s->arguments[i].command == id && bytes_ieq(s->arguments[i].word, argv[1]))
            return true;
    return false;
}

static uint32_t rights_for(uint32_t key_flags)
{
    uint32_t rights = key_flags & KEY_ACCESS ? KEY_READ : 0;

    return rights | (key_flags & (KEY_INSERT | KEY_DELETE | KEY_UPDATE) ? KEY_WRITE : 0);
}

static bool allows_key(const struct selector *s, struct bytes key, uint32_t rights)
{
    for (size_t i = 0; i < s->key_count; i++)
        if ((s->keys[i].rights & rights) == rights && glob_match(s->keys[i].text, key, false))
            return true;
    return false;
}

bool selector_every_key(const struct selector *s, uint32_t key_flags)
{
    uint32_t rights = rights_for(key_flags);

    for (size_t i = 0; i < s->key_count; i++)
        if ((s->keys[i].rights & rights) == rights && bytes_is(s->keys[i].text, "*"))
            return true;
    return s->all_keys;
}

bool selector_hears(const struct selector *s, struct bytes channel, bool as_pattern)
{
    for (size_t i = 0; i < s->channel_count; i++)
        if (as_pattern ? bytes_eq(s->channels[i], channel)
                       : glob_match(s->channels[i], channel, false))
            return true;
    return s->all_channels;
}

static void look_for_keys(struct acl_keys *k, const struct catalog_entry *e, int argc,
                          const struct bytes *argv)
{
    int few = (int)ARRAY_LEN(k->few);

    k->looked = true;
    k->found = argc <= few ? k->few : xmalloc((size_t)argc * sizeof *k->found);
    k->count = command_find_keys_by(e->row, e->specs, e->spec_count, argc, argv, k->found,
                                    argc <= few ? few : argc);
}

void acl_keys_fini(struct acl_keys *k)
{
    if (k->looked && k->found != k->few)
        xfree(k->found);
}

static enum acl_denial check_channels(const struct selector *s, const struct catalog_entry *e,
                                      int argc, const struct bytes *argv, int *out_arg)
{
    int last = e->last_channel < 0 ? argc - 1 : e->last_channel;

    for (int i = 1; i <= last && i < argc; i++) /* a script may ask with fewer than the row wants */
        if (!selector_hears(s, argv[i], e->channels == CHANNELS_AS_PATTERNS)) {
            *out_arg = i;
            return ACL_DENIED_CHANNEL;
        }
    return ACL_ALLOWED;
}

enum acl_denial selector_check(const struct selector *s, const struct catalog *c, int id, int argc,
                               const struct bytes *argv, struct acl_keys *keys, int *out_arg)
{
    const struct catalog_entry *e = &c->entries[id];

    if (!selector_has(s, id) && !(e->row->flags & CMD_NO_AUTH) &&
        !allows_argument(s, id, argc, argv))
        return ACL_DENIED_COMMAND;
    if (e->has_keys && !s->all_keys) {
        if (!keys->looked)
            look_for_keys(keys, e, argc, argv);
        for (int i = 0; i < keys->count; i++)
            if (!allows_key(s, argv[keys->found[i].position], rights_for(keys->found[i].flags))) {
                *out_arg = keys->found[i].position;
                return ACL_DENIED_KEY;
            }
    }
    if (e->channels && !s->all_channels)
        return check_channels(s, e, argc, argv, out_arg);
    return ACL_ALLOWED;
}
