#include "common/server_settings_lines.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/acl/acl.h"
#include "common/alloc.h"
#include "common/porch.h"

static enum err refuse(struct errmsg *why, const char *sentence)
{
    errmsg_set(why, "%s", sentence);
    return ERR_SYNTAX;
}

enum err setting_line_any(void *values, int argc, const struct bytes *argv, struct errmsg *out_why)
{
    return OK;
}

/* ---- addresses: bind and http-bind ---- */

static void addresses_fini(char **at, int *count)
{
    for (int i = 0; i < *count; i++)
        xfree(at[i]);
    *count = 0;
}

static enum err addresses_line(char **at, int *count, int argc, const struct bytes *argv,
                               struct errmsg *out_why)
{
    if (argc > BIND_MAX)
        return refuse(out_why, "Too many bind addresses specified.");
    if (argc == 0)
        return refuse(out_why, "wrong number of arguments");
    addresses_fini(at, count);
    if (argc == 1 && argv[0].len == 0)
        return OK;
    for (int i = 0; i < argc; i++)
        at[(*count)++] = xmemdup0(argv[i].at, argv[i].len);
    return OK;
}

static void addresses_get(char *const *at, int count, struct buf *out)
{
    for (int i = 0; i < count; i++)
        buf_printf(out, "%s%s", i ? " " : "", at[i]);
}

static void addresses_lines(char *const *at, int count, const char *name, const char *def,
                            struct buf *out)
{
    struct buf now = { 0 };

    addresses_get(at, count, &now);
    buf_printf(out, "%s%s%s", bytes_is(buf_bytes(&now), def) ? " " : "", name,
               count ? "" : " \"\"");
    for (int i = 0; i < count; i++) {
        buf_putc(out, ' ');
        settings_put_word(out, bytes_of(at[i]));
    }
    buf_putc(out, '\n');
    buf_fini(&now);
}

void bind_fini(void *values)
{
    struct server_settings *set = values;

    addresses_fini(set->bind, &set->bind_count);
}

enum err bind_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why)
{
    struct server_settings *set = values;

    return addresses_line(set->bind, &set->bind_count, argc, argv, out_why);
}

void bind_get(void *values, struct buf *out)
{
    const struct server_settings *set = values;

    addresses_get(set->bind, set->bind_count, out);
}

void bind_lines(void *values, struct buf *out)
{
    const struct server_settings *set = values;

    addresses_lines(set->bind, set->bind_count, "bind", "* -::*", out);
}

void http_bind_fini(void *values)
{
    struct server_settings *set = values;

    addresses_fini(set->http_bind, &set->http_bind_count);
}

enum err http_bind_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why)
{
    struct server_settings *set = values;

    return addresses_line(set->http_bind, &set->http_bind_count, argc, argv, out_why);
}

void http_bind_get(void *values, struct buf *out)
{
    const struct server_settings *set = values;

    addresses_get(set->http_bind, set->http_bind_count, out);
}

void http_bind_lines(void *values, struct buf *out)
{
    const struct server_settings *set = values;

    addresses_lines(set->http_bind, set->http_bind_count, "http-bind", "127.0.0.1 -::1", out);
}

/* ---- proxies ---- */

enum err proxies_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why)
{
    struct server_settings *set = values;
    struct net_range read[PROXY_NETWORKS_MAX];

    if (argc > PROXY_NETWORKS_MAX)
        return refuse(out_why, "Too many addresses of proxies");
    if (argc == 1 && argv[0].len == 0)
        argc = 0;
    for (int i = 0; i < argc; i++)
        if (!net_range_parse(argv[i], &read[i]))
            return refuse(out_why, "A proxy is named by its address (10.0.0.7) or its network "
                                   "(10.0.0.0/24, nothing set behind the prefix)");
    memcpy(set->proxies, read, (size_t)argc * sizeof *read);
    set->proxy_count = argc;
    return OK;
}

void proxies_get(void *values, struct buf *out)
{
    const struct server_settings *set = values;
    char text[64];

    for (int i = 0; i < set->proxy_count; i++) {
        net_range_print(&set->proxies[i], text, sizeof text);
        buf_printf(out, "%s%s", i ? " " : "", text);
    }
}

void proxies_lines(void *values, struct buf *out)
{
    struct buf now = { 0 };

    proxies_get(values, &now);
    buf_printf(out, "%sproxy-protocol-networks %s\n", now.len ? "" : " ",
               now.len ? buf_text(&now) : "\"\"");
    buf_fini(&now);
}

int64_t server_settings_more_files(const struct server_settings *set)
{
    return (set->http_port ? set->http_max_connections : 0) +
           (set->proxy_count ? PORCH_GUESTS_MAX : 0);
}

/* ---- the others ---- */

static const char *const output_words[OUTPUT_CLASSES] = { "normal", "slave", "pubsub" };
static const struct output_limit output_defaults[OUTPUT_CLASSES] = {
    [OUTPUT_FOLLOWER] = { 256 << 20, 64 << 20, 60 },
    [OUTPUT_PUBSUB] = { 32 << 20, 8 << 20, 60 },
};

static int find_output_class(struct bytes word)
{
    for (int i = 0; i < OUTPUT_CLASSES; i++)
        if (bytes_is_word(word, output_words[i]))
            return i;
    return bytes_is_word(word, "replica") ? OUTPUT_FOLLOWER : -1;
}

/* All of the line is read before any of it counts. */
enum err output_limit_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why)
{
    struct server_settings *set = values;
    struct output_limit limits[OUTPUT_CLASSES];

    if (argc == 0 || argc % 4)
        return refuse(out_why, "Wrong number of arguments in buffer limit configuration.");
    memcpy(limits, set->output_limit, sizeof limits);
    for (int i = 0; i < argc; i += 4) {
        int class = find_output_class(argv[i]);
        struct output_limit *to = &limits[class < 0 ? 0 : class];

        if (class < 0)
            return refuse(out_why, "Invalid client class specified in buffer limit configuration.");
        if (!parse_memory(argv[i + 1], &to->hard_bytes) ||
            !parse_memory(argv[i + 2], &to->soft_bytes) ||
            !bytes_to_i64(argv[i + 3], &to->soft_s) || to->soft_s < 0)
            return refuse(out_why, "Error in hard, soft or soft_seconds setting in buffer limit "
                                   "configuration.");
    }
    memcpy(set->output_limit, limits, sizeof limits);
    return OK;
}

void output_limit_get(void *values, struct buf *out)
{
    const struct server_settings *set = values;

    for (int i = 0; i < OUTPUT_CLASSES; i++)
        buf_printf(out, "%s%s %llu %llu %lld", i ? " " : "", output_words[i],
                   (unsigned long long)set->output_limit[i].hard_bytes,
                   (unsigned long long)set->output_limit[i].soft_bytes,
                   (long long)set->output_limit[i].soft_s);
}

void output_limit_lines(void *values, struct buf *out)
{
    const struct server_settings *set = values;

    for (int i = 0; i < OUTPUT_CLASSES; i++) {
        const struct output_limit *now = &set->output_limit[i], *def = &output_defaults[i];
        bool same = now->hard_bytes == def->hard_bytes && now->soft_bytes == def->soft_bytes &&
                    now->soft_s == def->soft_s;

        buf_printf(out, "%sclient-output-buffer-limit %s ", same ? " " : "",
                   i == OUTPUT_FOLLOWER ? "replica" : output_words[i]);
        put_memory(out, now->hard_bytes);
        buf_putc(out, ' ');
        put_memory(out, now->soft_bytes);
        buf_printf(out, " %lld\n", (long long)now->soft_s);
    }
}

/* CONFIG SET cuts at single blanks, so joining gives a path back that holds some. */
enum err dir_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why)
{
    struct buf path = { 0 };
    enum err e = OK;

    if (argc == 0)
        return refuse(out_why, "wrong number of arguments");
    for (int i = 0; i < argc; i++) {
        buf_puts(&path, i ? " " : "");
        buf_add(&path, argv[i]);
    }
    if (chdir(buf_text(&path)) != 0)
        e = refuse(out_why, strerror(errno));
    buf_fini(&path);
    return e;
}

void dir_get(void *values, struct buf *out)
{
    char path[PATH_MAX];

    if (getcwd(path, sizeof path))
        buf_puts(out, path);
}

void dir_lines(void *values, struct buf *out)
{
    struct buf path = { 0 };

    dir_get(values, &path);
    buf_puts(out, "dir ");
    buf_put_quoted(out, buf_bytes(&path));
    buf_putc(out, '\n');
    buf_fini(&path);
}

enum err oom_values_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why)
{
    struct server_settings *set = values;
    int64_t ranks[3];

    if (argc != 3)
        return refuse(out_why, "wrong number of arguments");
    for (int i = 0; i < 3; i++)
        if (!bytes_to_i64(argv[i], &ranks[i]) || ranks[i] < -2000 || ranks[i] > 2000)
            return refuse(out_why,
                          "Invalid oom-score-adj-values, elements must be between -2000 and "
                          "2000.");
    memcpy(set->oom_score_adj_values, ranks, sizeof ranks);
    return OK;
}

void oom_values_get(void *values, struct buf *out)
{
    const int64_t *ranks = ((struct server_settings *)values)->oom_score_adj_values;

    buf_printf(out, "%lld %lld %lld", (long long)ranks[0], (long long)ranks[1],
               (long long)ranks[2]);
}

void oom_values_lines(void *values, struct buf *out)
{
    struct buf now = { 0 };

    oom_values_get(values, &now);
    buf_printf(out, "%soom-score-adj-values %s\n", strcmp(buf_text(&now), "0 200 800") ? "" : " ",
               buf_text(&now));
    buf_fini(&now);
}

void percentiles_clear(void *values)
{
    ((struct server_settings *)values)->percentile_count = 0;
}

enum err percentiles_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why)
{
    struct server_settings *set = values;
    double read[PERCENTILES_MAX];

    if (argc > PERCENTILES_MAX)
        return refuse(out_why, "Invalid latency-tracking-info-percentiles parameters");
    if (argc == 1 && argv[0].len == 0)
        argc = 0;
    for (int i = 0; i < argc; i++) {
        if (!bytes_to_double(argv[i], &read[i]))
            return refuse(out_why, "Invalid latency-tracking-info-percentiles parameters");
        if (read[i] < 0 || read[i] > 100)
            return refuse(out_why,
                          "latency-tracking-info-percentiles parameters should sit between "
                          "[0.0,100.0]");
    }
    memcpy(set->percentiles, read, (size_t)argc * sizeof *read);
    set->percentile_count = argc;
    return OK;
}

void percentiles_get(void *values, struct buf *out)
{
    const struct server_settings *set = values;

    for (int i = 0; i < set->percentile_count; i++) {
        char text[40];

        if (i)
            buf_putc(out, ' ');
        buf_append(out, text, fmt_double(text, set->percentiles[i]));
    }
}

void percentiles_lines(void *values, struct buf *out)
{
    struct buf now = { 0 };

    percentiles_get(values, &now);
    buf_printf(out, "%slatency-tracking-info-percentiles %s\n",
               strcmp(buf_text(&now), "50 99 99.9") ? "" : " ", now.len ? buf_text(&now) : "\"\"");
    buf_fini(&now);
}

void user_fini(void *values)
{
    struct server_settings *set = values;

    for (size_t i = 0; i < set->user_line_count; i++) {
        xfree(set->user_lines[i].name);
        rules_fini(&set->user_lines[i].rules);
    }
    xfree(set->user_lines);
    set->user_lines = NULL;
    set->user_line_count = 0;
}

/* As far as can be told before commands are known. */
static enum err check_rules(const struct rules *rules, struct errmsg *out_why)
{
    struct acl *form = acl_new(NULL);
    struct user *u = user_new(form, BYTES("any"));
    enum err e = OK;

    for (size_t i = 0; i < rules->count && e == OK; i++) {
        enum acl_fault fault = user_apply(u, rules->words[i]);

        if (fault == ACL_FINE || fault == ACL_NO_COMMAND)
            continue;
        errmsg_set(out_why, "Error in user declaration, rule %zu: %s", i + 1,
                   acl_fault_text(fault));
        e = ERR_SYNTAX;
    }
    user_free(u);
    acl_free(form);
    return e;
}

enum err user_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why)
{
    struct server_settings *set = values;
    struct user_line *l;
    int open;

    if (argc == 0)
        return refuse(out_why, "wrong number of arguments");
    if (!acl_is_name(argv[0]))
        return refuse(out_why, "Spaces not allowed in ACL usernames");
    for (size_t i = 0; i < set->user_line_count; i++)
        if (bytes_is(argv[0], set->user_lines[i].name))
            return refuse(out_why, acl_fault_text(ACL_TWICE));
    set->user_lines =
        xrealloc(set->user_lines, (set->user_line_count + 1) * sizeof *set->user_lines);
    l = &set->user_lines[set->user_line_count++];
    *l = (struct user_line){ .name = xmemdup0(argv[0].at, argv[0].len) };
    if (!rules_gather(&l->rules, argc - 1, argv + 1, &open))
        return refuse(out_why, "Unmatched parenthesis in selector definition.");
    return check_rules(&l->rules, out_why);
}

/* The default user of requirepass alone needs no line. */
static bool says_requirepass(const struct server_settings *set, struct bytes line)
{
    struct acl *plain = acl_new(NULL);
    struct buf said = { 0 };
    bool same;

    acl_set_password(plain, set->requirepass);
    user_describe(acl_default_user(plain), true, &said);
    same = bytes_eq(line, buf_bytes(&said));
    acl_free(plain);
    buf_fini(&said);
    return same;
}

/* A quote would open a text where the line is read; of the words of users none has a blank. */
static void put_user_word(struct buf *out, struct bytes word)
{
    if (memchr(word.at, '"', word.len) || memchr(word.at, '\'', word.len))
        buf_put_quoted(out, word);
    else
        buf_add(out, word);
}

/* line is the description of u, whose name may be empty. */
static void put_user_line(struct buf *out, const struct user *u, struct bytes line)
{
    struct bytes name = u->by_name.name;
    size_t at = strlen("user ") + name.len;

    buf_puts(out, "user ");
    if (name.len)
        put_user_word(out, name);
    else
        buf_puts(out, "\"\"");
    while (at < line.len) {
        const char *word = line.at + at + 1, *end = memchr(word, ' ', line.len - at - 1);
        size_t len = end ? (size_t)(end - word) : line.len - at - 1;

        buf_putc(out, ' ');
        put_user_word(out, (struct bytes){ word, len });
        at += 1 + len;
    }
    buf_putc(out, '\n');
}

void server_settings_put_users(const struct server_settings *set, struct buf *out)
{
    AUTO_FREE const struct user **all = set->users ? acl_sorted(set->users) : NULL;
    struct buf line = { 0 };

    for (size_t i = 0; all && !set->aclfile[0] && i < acl_count(set->users); i++) {
        line.len = 0;
        user_describe(all[i], true, &line);
        if (says_requirepass(set, buf_bytes(&line)))
            buf_putc(out, ' ');
        put_user_line(out, all[i], buf_bytes(&line));
    }
    buf_fini(&line);
}

void user_lines(void *values, struct buf *out)
{
    server_settings_put_users(values, out);
}

void rename_fini(void *values)
{
    struct server_settings *set = values;

    for (int i = 0; i < set->rename_count; i++) {
        xfree(set->renames[i].from);
        xfree(set->renames[i].to);
    }
    set->rename_count = 0;
}

enum err rename_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why)
{
    struct server_settings *set = values;
    struct command_rename *r = &set->renames[set->rename_count];

    if (argc != 2)
        return refuse(out_why, "Bad directive or wrong number of arguments");
    if (set->rename_count == COMMAND_RENAMES_MAX)
        return refuse(out_why, "Too many commands are renamed");
    r->from = xmemdup0(argv[0].at, argv[0].len);
    r->to = xmemdup0(argv[1].at, argv[1].len);
    for (char *c = r->to; *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c; /* as rows spell their names */
    set->rename_count++;
    return OK;
}
