#include "common/acl/acl.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"

#define DEFAULT BYTES("default")

struct acl {
    struct catalog *catalog;
    struct map users;
    struct user *default_user;
    struct user *removed; /* not swept yet */
    bool new_users_hear_all;
    const struct acl_watcher *watcher;
    void *watcher_arg;
};

static void allow_everything(struct user *u)
{
    static const char *const rules[] = { "+@all", "~*", "&*", "on", "nopass" };

    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        user_apply_text(u, rules[i]);
}

static struct user *put_new(struct acl *a, struct bytes name)
{
    struct user *u = user_new(a, name);

    map_add(&a->users, &u->by_name, u->by_name.name);
    return u;
}

struct acl *acl_new(const struct command_table *t)
{
    struct acl *a = xcalloc(1, sizeof *a);

    a->catalog = catalog_new(t);
    a->default_user = put_new(a, DEFAULT);
    allow_everything(a->default_user);
    return a;
}

static void free_users(struct map *users)
{
    struct map_walk walk = map_walk(users);
    struct map_node *n;

    while ((n = map_walk_next(&walk)))
        user_free(CONTAINER_OF(n, struct user, by_name));
    map_fini(users);
}

void acl_free(struct acl *a)
{
    if (!a)
        return;
    acl_sweep(a);
    free_users(&a->users);
    catalog_free(a->catalog);
    xfree(a);
}

const struct catalog *acl_catalog(const struct acl *a)
{
    return a->catalog;
}

void acl_let_new_users_hear_all(struct acl *a, bool all)
{
    a->new_users_hear_all = all;
}

bool acl_new_users_hear_all(const struct acl *a)
{
    return a->new_users_hear_all;
}

void acl_watch(struct acl *a, const struct acl_watcher *watcher, void *arg)
{
    a->watcher = watcher;
    a->watcher_arg = arg;
}

/* ---- asking ------------------------------------------------------------------------------------ */

static struct user *find(const struct acl *a, struct bytes name)
{
    struct map_node *n = map_find(&a->users, name);

    return n ? CONTAINER_OF(n, struct user, by_name) : NULL;
}

const struct user *acl_default_user(const struct acl *a)
{
    return a->default_user;
}

const struct user *acl_find(const struct acl *a, struct bytes name)
{
    return find(a, name);
}

const struct user *acl_login(const struct acl *a, struct bytes name, struct bytes password)
{
    const struct user *u = find(a, name);

    return u && user_accepts(u, password) ? u : NULL;
}

size_t acl_count(const struct acl *a)
{
    return a->users.count;
}

static int by_name(const void *a, const void *b)
{
    const struct user *x = *(const struct user *const *)a, *y = *(const struct user *const *)b;

    return bytes_cmp(x->by_name.name, y->by_name.name);
}

const struct user **acl_sorted(const struct acl *a)
{
    const struct user **all = xcalloc(a->users.count, sizeof *all);
    struct map_walk walk = map_walk(&a->users);
    struct map_node *n;
    size_t count = 0;

    while ((n = map_walk_next(&walk)))
        all[count++] = CONTAINER_OF(n, struct user, by_name);
    qsort(all, count, sizeof *all, by_name);
    return all;
}

/* One denial must be told of several selectors': the furthest of what was tried. */
enum acl_denial acl_judge(const struct user *u, const struct command *cmd, int argc,
                          const struct bytes *argv, int *out_arg)
{
    const struct catalog *c = u->acl->catalog;
    int id = catalog_id(c, cmd), arg = 0, furthest = 0;
    enum acl_denial told = ACL_DENIED_COMMAND;
    struct acl_keys keys = { 0 };

    for (size_t i = 0; i < u->selector_count && told != ACL_ALLOWED; i++) {
        enum acl_denial denial = selector_check(&u->selectors[i], c, id, argc, argv, &keys, &arg);

        if (denial > told || denial == ACL_ALLOWED || (denial == told && arg > furthest)) {
            told = denial;
            furthest = arg;
        }
    }
    acl_keys_fini(&keys);
    *out_arg = furthest;
    return told;
}

/* ---- changing ---------------------------------------------------------------------------------- */

/* A shadow takes the changes first. */
static void change_to(struct acl *a, struct user *u, const struct user *next)
{
    if (a->watcher)
        a->watcher->changes(a->watcher_arg, u, next);
    user_copy(u, next);
}

void acl_set_password(struct acl *a, struct bytes password)
{
    struct user *next = user_new(a, DEFAULT);
    struct buf rule = { 0 };

    user_copy(next, a->default_user);
    user_apply_text(next, "resetpass");
    buf_putc(&rule, '>');
    buf_add(&rule, password);
    ASSERT(user_apply(next, password.len ? buf_bytes(&rule) : BYTES("nopass")) == ACL_FINE);
    change_to(a, a->default_user, next);
    user_free(next);
    buf_fini(&rule);
}

bool acl_is_name(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        if (isspace((unsigned char)name.at[i]) || name.at[i] == '\0')
            return false;
    return true;
}

static bool apply_all(struct user *u, const struct rules *rules, struct buf *out_error)
{
    for (size_t i = 0; i < rules->count; i++) {
        enum acl_fault fault = user_apply(u, rules->words[i]);

        if (fault == ACL_FINE)
            continue;
        buf_puts(out_error, "Error in ACL SETUSER modifier '");
        buf_add(out_error, rules->words[i]);
        buf_printf(out_error, "': %s", acl_fault_text(fault));
        return false;
    }
    return true;
}

/* next, as far as it goes, becomes the user of this name. */
static void put(struct acl *a, struct bytes name, const struct user *next)
{
    struct user *u = find(a, name);

    change_to(a, u ? u : put_new(a, name), next);
}

static bool set_user(struct acl *a, struct bytes name, const struct user *before, int argc,
                     const struct bytes *argv, struct buf *out_error)
{
    struct user *next = user_new(a, name);
    struct rules rules = { 0 };
    int open = 0;
    bool fine = rules_gather(&rules, argc, argv, &open);

    if (before)
        user_copy(next, before);
    if (!fine) {
        buf_puts(out_error, "Unmatched parenthesis in acl selector starting at '");
        buf_add(out_error, argv[open]);
        buf_puts(out_error, "'.");
    }
    fine = fine && apply_all(next, &rules, out_error);
    if (fine)
        put(a, name, next);
    rules_fini(&rules);
    user_free(next);
    return fine;
}

bool acl_set_user(struct acl *a, struct bytes name, int argc, const struct bytes *argv,
                  struct buf *out_error)
{
    return set_user(a, name, find(a, name), argc, argv, out_error);
}

bool acl_add_user(struct acl *a, struct bytes name, int argc, const struct bytes *argv,
                  struct buf *out_error)
{
    struct user *reset = bytes_eq(name, DEFAULT) ? user_new(a, name) : NULL;
    bool fine;

    if (reset)
        user_apply_text(reset, "reset"); /* as a file that names it says it all */
    fine = set_user(a, name, reset, argc, argv, out_error);
    user_free(reset);
    return fine;
}

static void bury(struct acl *a, struct user *u)
{
    u->next_removed = a->removed;
    a->removed = u;
    if (a->watcher)
        a->watcher->removed(a->watcher_arg, u);
}

bool acl_remove(struct acl *a, struct bytes name)
{
    struct user *u = find(a, name);

    if (!u)
        return false;
    ASSERT(u != a->default_user);
    map_remove(&a->users, &u->by_name);
    bury(a, u);
    return true;
}

void acl_sweep(struct acl *a)
{
    while (UNLIKELY(a->removed != NULL)) {
        struct user *u = a->removed;

        a->removed = u->next_removed;
        user_free(u);
    }
}

/* ---- files ------------------------------------------------------------------------------------- */

/* What is being read, beside what counts. */
struct load {
    struct acl *acl;
    struct map users;
    const char *path;
    int line;
    struct buf *errors;
};

static struct bytes trim(struct bytes text)
{
    while (text.len && strchr(" \t\r\n", text.at[0]) && text.at[0])
        text = (struct bytes){ text.at + 1, text.len - 1 };
    while (text.len && strchr(" \t\r\n", text.at[text.len - 1]) && text.at[text.len - 1])
        text.len--;
    return text;
}

/* Words of a line; they are not quoted, and each single blank separates. */
static int cut(struct bytes line, struct bytes **out_words)
{
    int count = 1;

    *out_words = xcalloc(line.len + 1, sizeof **out_words);
    (*out_words)[0] = (struct bytes){ line.at, 0 };
    for (size_t i = 0; i < line.len; i++) {
        if (line.at[i] == ' ')
            (*out_words)[count++] = (struct bytes){ line.at + i + 1, 0 };
        else
            (*out_words)[count - 1].len++;
    }
    return count;
}

/* Unknown commands are all told, of the rest the first: what follows may be its consequence. */
static void apply_line(struct load *l, struct user *u, const struct rules *rules)
{
    bool told = false;

    for (size_t i = 0; i < rules->count; i++) {
        struct bytes rule = trim(rules->words[i]);
        enum acl_fault fault = user_apply(u, rule);

        if (fault == ACL_NO_COMMAND) {
            buf_printf(l->errors, "%s:%d: Error in applying operation '", l->path, l->line);
            buf_add(l->errors, rule);
            buf_printf(l->errors, "': %s. ", acl_fault_text(fault));
        } else if (fault != ACL_FINE && !told) {
            buf_printf(l->errors, "%s:%d: %s. ", l->path, l->line, acl_fault_text(fault));
            told = true;
        }
    }
}

static void load_user(struct load *l, struct bytes name, int argc, const struct bytes *argv)
{
    struct user *u = user_new(l->acl, name);
    struct rules rules = { 0 };
    int open;

    map_add(&l->users, &u->by_name, u->by_name.name);
    if (rules_gather(&rules, argc, argv, &open))
        apply_line(l, u, &rules);
    else
        buf_printf(l->errors, "%s:%d: Unmatched parenthesis in selector definition. ", l->path,
                   l->line);
    rules_fini(&rules);
}

static void load_line(struct load *l, struct bytes line)
{
    AUTO_FREE struct bytes *words = NULL;
    int count = cut(line, &words);

    if (!bytes_is(words[0], "user") || count < 2) {
        buf_printf(l->errors, "%s:%d should start with user keyword followed by the username. ",
                   l->path, l->line);
    } else if (!acl_is_name(words[1])) {
        buf_printf(l->errors, "'%s:%d: username '%.*s' contains invalid characters. ", l->path,
                   l->line, (int)words[1].len, words[1].at);
    } else if (map_find(&l->users, words[1])) {
        buf_printf(l->errors, "WARNING: Duplicate user '%.*s' found on line %d. ",
                   (int)words[1].len, words[1].at, l->line);
    } else {
        load_user(l, words[1], count - 2, words + 2);
    }
}

static void load_text(struct load *l, struct bytes text)
{
    while (text.len) {
        const char *end = memchr(text.at, '\n', text.len);
        size_t len = end ? (size_t)(end - text.at) : text.len;
        struct bytes line = trim((struct bytes){ text.at, len });

        l->line++;
        if (line.len)
            load_line(l, line);
        text.at += end ? len + 1 : len;
        text.len -= end ? len + 1 : len;
    }
}

/* The default user takes the new rules and keeps its address; everybody else is gone. */
static void take_over(struct acl *a, struct map *loaded)
{
    struct map_node *n = map_find(loaded, DEFAULT);
    struct user *next = n ? CONTAINER_OF(n, struct user, by_name) : user_new(a, DEFAULT);
    struct map before = a->users;
    struct map_walk walk;

    if (n)
        map_remove(loaded, n);
    else
        allow_everything(next);
    map_remove(&before, &a->default_user->by_name);
    map_add(loaded, &a->default_user->by_name, a->default_user->by_name.name);
    a->users = *loaded;
    *loaded = (struct map){ 0 };
    change_to(a, a->default_user, next);
    user_free(next);
    walk = map_walk(&before);
    while ((n = map_walk_next(&walk)))
        bury(a, CONTAINER_OF(n, struct user, by_name));
    map_fini(&before);
}

bool acl_load(struct acl *a, struct bytes text, const char *path, struct buf *out_errors)
{
    struct load l = { .acl = a, .path = path, .errors = out_errors };
    bool fine;

    load_text(&l, text);
    fine = out_errors->len == 0;
    if (fine)
        take_over(a, &l.users);
    else
        buf_puts(out_errors, "WARNING: ACL errors detected, no change to the previously active ACL "
                             "rules was performed");
    free_users(&l.users);
    return fine;
}

void acl_put_file(const struct acl *a, struct buf *out)
{
    AUTO_FREE const struct user **all = acl_sorted(a);

    for (size_t i = 0; i < acl_count(a); i++) {
        user_describe(all[i], true, out);
        buf_putc(out, '\n');
    }
}
