#include <string.h>

#include <openssl/sha.h>

#include "common/alloc.h"
#include "sentinel/state/conf.h"
#include "sentinel/state/keeper.h"
#include "sentinel/state/state.h"

/* sentinel.conf is merged with a table of its own: every directive is known and stays as it stands, but
 * for the sentinel's lines, and for a loglevel and users that were changed while running. */

static void put_sentinel_lines(void *values, struct buf *out)
{
    const struct keeper *k = values;

    conf_put(&k->config, k->ours_in_file, k->ours_in_file_count, k->state_file, out);
}

static void put_loglevel(void *values, struct buf *out)
{
    const struct keeper *k = values;

    buf_printf(out, "loglevel %s\n", k->loglevel);
}

static void put_users(void *values, struct buf *out)
{
    const struct keeper *k = values;

    buf_add(out, buf_bytes(&k->users));
}

static struct setting *merge_rows(const struct setting *known, const struct keeper *k)
{
    size_t count = 0;
    struct setting *rows;

    while (known[count].name)
        count++;
    rows = xcalloc(count + 2, sizeof *rows);
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct setting){ .name = known[i].name,
                                    .alias = known[i].alias,
                                    .kind = SET_LINES,
                                    .line = setting_line_any };
        if (k->loglevel[0] && strcmp(known[i].name, "loglevel") == 0)
            rows[i].lines = put_loglevel;
        if (k->users_known && strcmp(known[i].name, "user") == 0)
            rows[i].lines = put_users;
    }
    rows[count] = (struct setting){ .name = "sentinel",
                                    .kind = SET_LINES,
                                    .flags = SETTING_MULTI | SETTING_KEYED,
                                    .line = setting_line_any,
                                    .lines = put_sentinel_lines };
    return rows;
}

void keeper_merge_conf(struct keeper *k, struct bytes old, struct buf *out)
{
    struct setting *rows = merge_rows(k->rows, k);
    struct settings *table = settings_new(k, NULL);

    settings_add(table, rows);
    settings_merge(table, old, out);
    settings_free(table);
    xfree(rows);
}

void keeper_digest(const struct keeper *k, struct bytes file, char *out)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct buf all = { 0 };

    buf_add(&all, file);
    buf_add(&all, buf_bytes(&k->elsewhere));
    SHA256((const unsigned char *)buf_text(&all), all.len, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        out[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    out[DIGEST_LEN] = '\0';
    buf_fini(&all);
}
