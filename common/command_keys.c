/* The keys of one call, found by the specifications of its row. */
#include "common/command_docs.h"

#include "common/alloc.h"

struct finder {
    int argc;
    const struct bytes *argv;
    struct key_use *keys;
    int count, max;
};

static bool finder_add(struct finder *f, int position, uint32_t flags)
{
    if (position >= f->argc || position < 1 || f->count == f->max)
        return false;
    f->keys[f->count++] = (struct key_use){ position, flags };
    return true;
}

/* Where the search begins; 0: an optional keyword is absent. */
static int spec_begin(const struct key_spec *s, const struct finder *f)
{
    int step = s->start_from < 0 ? -1 : 1;

    if (s->begin == KEY_BEGIN_INDEX)
        return s->index;
    for (int i = s->start_from < 0 ? f->argc + s->start_from : s->start_from; i > 0 && i < f->argc;
         i += step)
        if (bytes_ieq(f->argv[i], s->keyword))
            return i + 1;
    return 0;
}

static bool spec_range(const struct key_spec *s, struct finder *f, int first)
{
    int last = s->last >= 0 ? first + s->last : f->argc + s->last;

    if (s->limit > 1) /* only the first of so many equal parts are keys */
        last = first + (f->argc - first) / s->limit + s->last;
    for (int i = first; i <= last; i += s->step)
        if (!finder_add(f, i, s->flags))
            return false;
    return last >= first;
}

static bool spec_keynum(const struct key_spec *s, struct finder *f, int begin)
{
    int64_t n;

    if (begin + s->number >= f->argc || !bytes_to_i64(f->argv[begin + s->number], &n) || n < 0 ||
        n > f->argc)
        return false;
    for (int i = 0; i < (int)n; i++)
        if (!finder_add(f, begin + s->first + i * s->step, s->flags))
            return false;
    return true;
}

static bool spec_find(const struct key_spec *s, struct finder *f)
{
    int begin;

    if (s->begin == KEY_BEGIN_UNKNOWN || s->find == KEY_FIND_UNKNOWN || (s->flags & KEY_NOT_KEY))
        return true;
    begin = spec_begin(s, f);
    if (begin == 0)
        return true;
    return s->find == KEY_FIND_RANGE ? spec_range(s, f, begin) : spec_keynum(s, f, begin);
}

static int find_by_function(const struct command *cmd, struct finder *f, uint32_t first,
                            uint32_t others)
{
    AUTO_FREE int *positions = xmalloc((size_t)f->max * sizeof *positions);
    int n = cmd->keys.find(f->argc, f->argv, positions, f->max);

    for (int i = 0; i < n; i++)
        f->keys[i] = (struct key_use){ positions[i], i == 0 ? first : others };
    return n;
}

int command_key_specs(const struct command *cmd, struct key_spec out_specs[KEY_SPECS_MAX])
{
    int n = key_specs_parse(cmd, out_specs, NULL);

    ASSERT(n >= 0);
    if (n > 0 || !cmd->keys.first)
        return n;
    out_specs[0] = key_spec_of_keys(cmd); /* a row that says only where its keys are */
    return 1;
}

int command_find_keys_by(const struct command *cmd, const struct key_spec *specs, int spec_count,
                         int argc, const struct bytes *argv, struct key_use *out_keys, int max)
{
    struct finder f = { .argc = argc, .argv = argv, .keys = out_keys, .max = max };
    struct key_spec first = spec_count ? specs[0] : (struct key_spec){ 0 };

    if (spec_count && cmd->keys.flags)
        first.flags = key_flags_parse(cmd->keys.flags(argc, argv));
    if (cmd->keys.find) {
        uint32_t others = spec_count > 1 ? specs[spec_count - 1].flags : first.flags;

        return find_by_function(cmd, &f, first.flags, others & ~(uint32_t)KEY_INCOMPLETE);
    }
    for (int i = 0; i < spec_count; i++)
        if (!spec_find(i == 0 ? &first : &specs[i], &f))
            return -1;
    return f.count;
}

int command_find_keys(const struct command *cmd, int argc, const struct bytes *argv,
                      struct key_use *out_keys, int max)
{
    struct key_spec specs[KEY_SPECS_MAX];
    int n = command_key_specs(cmd, specs);

    return command_find_keys_by(cmd, specs, n, argc, argv, out_keys, max);
}
