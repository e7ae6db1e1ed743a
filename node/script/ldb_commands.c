#include <string.h>

#include "node/script/api.h"
#include "node/script/ldb.h"

enum { CONTEXT = 5 }; /* lines before and after the one that is listed */

static const char *const help_lines[] = {
    "Redis Lua debugger help:",
    "[h]elp               Show this help.",
    "[s]tep               Run current line and stop again.",
    "[n]ext               Alias for step.",
    "[c]ontinue           Run till next breakpoint.",
    "[l]ist               List source code around current line.",
    "[l]ist [line]        List source code around [line].",
    "                     line = 0 means: current position.",
    "[l]ist [line] [ctx]  In this form [ctx] specifies how many lines",
    "                     to show before/after [line].",
    "[w]hole              List all source code. Alias for 'list 1 1000000'.",
    "[p]rint              Show all the local variables.",
    "[p]rint <var>        Show the value of the specified variable.",
    "                     Can also show global vars KEYS and ARGV.",
    "[b]reak              Show all breakpoints.",
    "[b]reak <line>       Add a breakpoint to the specified line.",
    "[b]reak -<line>      Remove breakpoint from the specified line.",
    "[b]reak 0            Remove all breakpoints.",
    "[t]race              Show a backtrace.",
    "[e]val <code>        Execute some Lua code (in a different callframe).",
    "[r]edis <cmd>        Execute a Redis command.",
    "[m]axlen [len]       Trim logged Redis replies and Lua var dumps to len.",
    "                     Specifying zero as <len> means unlimited.",
    "[a]bort              Stop the execution of the script. In sync",
    "                     mode dataset changes will be retained.",
    "",
    "Debugger functions you can call from Lua scripts:",
    "redis.debug()        Produce logs in the debugger console.",
    "redis.breakpoint()   Stop execution like if there was a breakpoint in the",
    "                     next line of code.",
};

static bool help(struct ldb *d, lua_State *L, int argc, const struct bytes *argv)
{
    for (size_t i = 0; i < ARRAY_LEN(help_lines); i++)
        ldb_say_text(d, help_lines[i]);
    return false;
}

static bool step(struct ldb *d, lua_State *L, int argc, const struct bytes *argv)
{
    d->step = true;
    return true;
}

static bool go_on(struct ldb *d, lua_State *L, int argc, const struct bytes *argv)
{
    return true;
}

static bool trace(struct ldb *d, lua_State *L, int argc, const struct bytes *argv)
{
    lua_Debug at;

    for (int level = 0; lua_getstack(L, level, &at); level++) {
        lua_getinfo(L, "Snl", &at);
        if (!strstr(at.short_src, "user_script"))
            continue;
        buf_printf(&d->entry, "%s %s:", level ? "From" : "In", at.name ? at.name : "top level");
        ldb_say(d);
        ldb_say_line(d, at.currentline);
    }
    return false;
}

/* What is no number counts as 0, as with atoi. */
static int64_t number_of(struct bytes word)
{
    int64_t n = 0;

    return bytes_to_i64(word, &n) ? n : 0;
}

static bool maxlen(struct ldb *d, lua_State *L, int argc, const struct bytes *argv)
{
    if (argc == 2) {
        int64_t n = number_of(argv[1]);

        d->hinted = true; /* who says this needs no hint */
        d->shown_max = n == 0 ? 0 : n <= LDB_SHOWN_LEAST ? LDB_SHOWN_LEAST : (size_t)n;
    }
    if (d->shown_max)
        buf_printf(&d->entry, "<value> replies are truncated at %d bytes.", (int)d->shown_max);
    else
        buf_puts(&d->entry, "<value> replies are unlimited.");
    ldb_say(d);
    return false;
}

/* ---- source ------------------------------------------------------------------------------------ */

static void list_around(struct ldb *d, int64_t line, int64_t context)
{
    for (int i = 1; i <= d->line_count; i++)
        if ((line > i ? line - i : i - line) <= context)
            ldb_say_line(d, i);
}

static bool list(struct ldb *d, lua_State *L, int argc, const struct bytes *argv)
{
    int64_t line = argc > 1 ? number_of(argv[1]) : 0;

    list_around(d, line > 0 ? line : d->line, argc > 2 ? number_of(argv[2]) : CONTEXT);
    return false;
}

static bool whole(struct ldb *d, lua_State *L, int argc, const struct bytes *argv)
{
    list_around(d, 1, 1000000);
    return false;
}

/* ---- breakpoints ------------------------------------------------------------------------------- */

static void show_breakpoints(struct ldb *d)
{
    if (!d->breakpoint_count) {
        ldb_say_text(d, "No breakpoints set. Use 'b <line>' to add one.");
        return;
    }
    buf_printf(&d->entry, "%d breakpoints set:", d->breakpoint_count);
    ldb_say(d);
    for (int i = 0; i < d->breakpoint_count; i++)
        ldb_say_line(d, d->breakpoints[i]);
}

static void add_breakpoint(struct ldb *d, int64_t line)
{
    if (d->breakpoint_count == LDB_BREAKPOINTS) {
        ldb_say_text(d, "Too many breakpoints set.");
        return;
    }
    if (line > d->line_count || ldb_has_breakpoint(d, (int)line)) {
        ldb_say_text(d, "Wrong line number."); /* of one that is set, too */
        return;
    }
    d->breakpoints[d->breakpoint_count++] = (int)line;
    list_around(d, line, 1);
}

static void remove_breakpoint(struct ldb *d, int64_t line)
{
    int i = 0;

    while (i < d->breakpoint_count && d->breakpoints[i] != line)
        i++;
    if (i == d->breakpoint_count) {
        ldb_say_text(d, "No breakpoint in the specified line.");
        return;
    }
    d->breakpoint_count--;
    memmove(d->breakpoints + i, d->breakpoints + i + 1,
            (size_t)(d->breakpoint_count - i) * sizeof d->breakpoints[0]);
    ldb_say_text(d, "Breakpoint removed.");
}

static void change_breakpoint(struct ldb *d, struct bytes word)
{
    int64_t line;

    if (!bytes_to_i64(word, &line)) {
        buf_puts(&d->entry, "Invalid argument:'");
        buf_add(&d->entry, word);
        buf_putc(&d->entry, '\'');
        ldb_say(d);
    } else if (line > 0) {
        add_breakpoint(d, line);
    } else if (line < 0 && line > INT64_MIN) {
        remove_breakpoint(d, -line);
    } else {
        d->breakpoint_count = 0;
        ldb_say_text(d, "All breakpoints removed.");
    }
}

static bool breaks(struct ldb *d, lua_State *L, int argc, const struct bytes *argv)
{
    if (argc == 1)
        show_breakpoints(d);
    for (int i = 1; i < argc; i++)
        change_breakpoint(d, argv[i]);
    return false;
}

/* ---- variables --------------------------------------------------------------------------------- */

static void say_value(struct ldb *d, lua_State *L, const char *before)
{
    buf_puts(&d->entry, before);
    ldb_show_value(&d->entry, L, -1);
    ldb_say_value(d);
}

static void print_all(struct ldb *d, lua_State *L)
{
    const char *name;
    bool any = false;
    lua_Debug at;

    if (!lua_getstack(L, 0, &at))
        return;
    for (int i = 1; (name = lua_getlocal(L, &at, i)) != NULL; i++) {
        if (!strstr(name, "(*temporary)")) {
            any = true;
            buf_printf(&d->entry, "<value> %s = ", name);
            say_value(d, L, "");
        }
        lua_pop(L, 1);
    }
    if (!any)
        ldb_say_text(d, "No local variables in the current context.");
}

/* Pushes the first of that name, from where the script stands outwards. */
static bool push_local(lua_State *L, struct bytes wanted)
{
    const char *name;
    lua_Debug at;

    for (int level = 0; lua_getstack(L, level, &at); level++) {
        for (int i = 1; (name = lua_getlocal(L, &at, i)) != NULL; i++) {
            if (bytes_is(wanted, name))
                return true;
            lua_pop(L, 1);
        }
    }
    return false;
}

static void print_one(struct ldb *d, lua_State *L, struct bytes name)
{
    bool global = bytes_is(name, "KEYS") || bytes_is(name, "ARGV");

    if (!push_local(L, name)) {
        if (!global) {
            ldb_say_text(d, "No such variable.");
            return;
        }
        lua_getglobal(L, bytes_is(name, "KEYS") ? "KEYS" : "ARGV");
    }
    say_value(d, L, "<value> ");
    lua_pop(L, 1);
}

static bool print(struct ldb *d, lua_State *L, int argc, const struct bytes *argv)
{
    luaL_checkstack(L, 4, "the script's stack is full");
    if (argc == 2)
        print_one(d, L, argv[1]);
    else
        print_all(d, L);
    return false;
}

/* ---- what runs ----------------------------------------------------------------------------------- */

static void say_error(struct ldb *d, lua_State *L)
{
    buf_puts(&d->entry, "<error> ");
    if (lua_type(L, -1) == LUA_TSTRING)
        buf_puts(&d->entry, lua_tostring(L, -1));
    else
        ldb_show_value(&d->entry, L, -1);
    ldb_say(d);
}

/* An expression, or a statement. The chunk, or the error, is pushed. */
static bool push_chunk(struct ldb *d, lua_State *L, int argc, const struct bytes *argv)
{
    struct bytes code;

    buf_puts(&d->entry, "return");
    for (int i = 1; i < argc; i++) {
        buf_putc(&d->entry, ' ');
        buf_add(&d->entry, argv[i]);
    }
    if (argc == 1)
        buf_putc(&d->entry, ' ');
    code = buf_bytes(&d->entry);
    if (vm_load(L, code, "@ldb_eval") == 0)
        return true;
    lua_pop(L, 1);
    code.at += sizeof "return";
    code.len -= sizeof "return";
    return vm_load(L, code, "@ldb_eval") == 0;
}

/* On a stack of its own: no hook comes to what a hook runs, and then nothing could end it. */
static bool eval(struct ldb *d, lua_State *L, int argc, const struct bytes *argv)
{
    lua_State *own;
    bool good;

    luaL_checkstack(L, 4, "the script's stack is full");
    own = lua_newthread(L);
    good = push_chunk(d, own, argc, argv);
    d->entry.len = 0;
    d->talking = true;
    good = good && lua_pcall(own, 0, 1, 0) == 0;
    d->talking = false;
    if (good)
        say_value(d, own, "<retval> ");
    else
        say_error(d, own);
    lua_pop(L, 1);
    return false;
}

/* What it is answered is told as for a call of the script. */
static bool redis(struct ldb *d, lua_State *L, int argc, const struct bytes *argv)
{
    if (!lua_checkstack(L, argc + 1)) {
        ldb_say_text(d, "<error> max lua stack reached");
        return false;
    }
    lua_pushcfunction(L, api_pcall);
    for (int i = 1; i < argc; i++)
        lua_pushlstring(L, argv[i].at, argv[i].len);
    d->talking = d->step = true;
    (void)lua_pcall(L, argc - 1, 1, 0);
    d->talking = d->step = false;
    lua_pop(L, 1);
    return false;
}

static bool abort_script(struct ldb *d, lua_State *L, int argc, const struct bytes *argv)
{
    (void)api_raise(L, "script aborted for user request");
    return true;
}

static const struct {
    const char *word, *letter;
    int words_min;
    bool (*run)(struct ldb *d, lua_State *L, int argc, const struct bytes *argv);
} commands[] = {
    { "help", "h", 1, help },      { "step", "s", 1, step },   { "next", "n", 1, step },
    { "continue", "c", 1, go_on }, { "trace", "t", 1, trace }, { "maxlen", "m", 1, maxlen },
    { "break", "b", 1, breaks },   { "eval", "e", 1, eval },   { "abort", "a", 1, abort_script },
    { "redis", "r", 2, redis },    { "print", "p", 1, print }, { "list", "l", 1, list },
    { "whole", "w", 1, whole },
};

bool ldb_obey(struct ldb *d, lua_State *L, int argc, const struct bytes *argv)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (argc >= commands[i].words_min && (bytes_is_word(argv[0], commands[i].word) ||
                                              bytes_is_word(argv[0], commands[i].letter)))
            return commands[i].run(d, L, argc, argv);
    ldb_say_text(d, "<error> Unknown Redis Lua debugger command or wrong number of arguments.");
    return false;
}
