/*
 * log: the line has Redis's shape to the letter, levels filter, the json form carries the same facts,
 * a bad path leaves the old destination working, and reopening follows a renamed file.
 */
#include <cjson/cJSON.h>
#include <regex.h>
#include <string.h>
#include <unistd.h>

#include "tests/check_main.h"
#include "common/alloc.h"
#include "common/log.h"

static char dir[] = "/tmp/test_log.XXXXXX";
static char path[256];

static void open_log(bool json, enum log_level level)
{
    struct errmsg why = { "" };
    struct log_settings s = { .level = level, .path = path, .json = json };

    if (strstr(dir, "XXXXXX"))
        ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/log", dir);
    unlink(path);
    ck_assert_msg(log_open(&s, &why) == OK, "%s", why.text);
}

static const char *content(const char *of)
{
    static char text[8192];
    FILE *f = fopen(of, "r");
    size_t len;

    ck_assert_ptr_nonnull(f);
    len = fread(text, 1, sizeof text - 1, f);
    text[len] = '\0';
    fclose(f);
    return text;
}

static bool matches(const char *pattern, const char *text)
{
    regex_t re;
    int found;

    ck_assert_int_eq(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
    found = regexec(&re, text, 0, NULL, 0);
    regfree(&re);
    return found == 0;
}

START_TEST(line_has_the_shape_of_redis)
{
    open_log(false, LOG_LEVEL_DEBUG);
    log_set_role('M');
    log_debug("a");
    log_verbose("b");
    log_notice("c %d", 7);
    log_warning("d");
    ck_assert(
        matches("^[0-9]+:M [0-3][0-9] [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3} "
                "\\. a\n[^\n]* - b\n[^\n]* \\* c 7\n[^\n]* # d\n$",
                content(path)));
}
END_TEST

START_TEST(levels_filter)
{
    open_log(false, LOG_LEVEL_WARNING);
    ck_assert(!log_wants(LOG_LEVEL_NOTICE));
    log_notice("unseen");
    log_warning("seen");
    log_set_level(LOG_LEVEL_NOTHING);
    log_warning("unseen");
    ck_assert_ptr_nonnull(strstr(content(path), "# seen\n"));
    ck_assert_ptr_null(strstr(content(path), "unseen"));
}
END_TEST

START_TEST(long_lines_are_cut_not_torn)
{
    char *big = xmalloc(3 * LOG_LINE_BYTES);

    open_log(false, LOG_LEVEL_NOTICE);
    memset(big, 'x', 3 * LOG_LINE_BYTES - 1);
    big[3 * LOG_LINE_BYTES - 1] = '\0';
    log_notice("%s", big);
    log_notice("next");
    ck_assert(matches("x\n[0-9]+:[^\n]* next\n$", content(path)));
    ck_assert_uint_lt(strlen(content(path)), 2 * LOG_LINE_BYTES);
    xfree(big);
}
END_TEST

START_TEST(no_message_forges_a_line)
{
    open_log(false, LOG_LEVEL_NOTICE);
    log_notice("name=\"a\n1:M 01 Jan 2026 00:00:00.000 # forged\r\x1b[2J\"");
    ck_assert(matches("^[^\n]* name=\"a 1:M 01 Jan 2026 00:00:00.000 # forged  \\[2J\"\n$",
                      content(path)));
}
END_TEST

START_TEST(json_carries_the_facts)
{
    char *event, *plain;
    cJSON *json, *facts;

    open_log(true, LOG_LEVEL_NOTICE);
    log_set_role('X');
    log_warning("failover-abandoned leader=m1 why=\"no good one\"");
    log_notice("Ready to \"accept\"\n connections\x01");
    event = xstrdup(content(path));
    plain = strchr(event, '\n') + 1;
    json = cJSON_Parse(event);
    ck_assert_str_eq(cJSON_GetObjectItem(json, "event")->valuestring, "failover-abandoned");
    ck_assert_str_eq(cJSON_GetObjectItem(json, "role")->valuestring, "X");
    ck_assert_str_eq(cJSON_GetObjectItem(json, "level")->valuestring, "warning");
    ck_assert(cJSON_GetObjectItem(json, "pid")->valueint == (int)getpid());
    ck_assert(matches("^[0-9-]{10}T[0-9:]{8}\\.[0-9]{3}Z$",
                      cJSON_GetObjectItem(json, "time")->valuestring));
    facts = cJSON_GetObjectItem(json, "facts");
    ck_assert_str_eq(cJSON_GetObjectItem(facts, "leader")->valuestring, "m1");
    ck_assert_str_eq(cJSON_GetObjectItem(facts, "why")->valuestring, "no good one");
    cJSON_Delete(json);
    json = cJSON_Parse(plain);
    ck_assert_str_eq(cJSON_GetObjectItem(json, "message")->valuestring,
                     "Ready to \"accept\"\n connections\x01");
    ck_assert_ptr_null(cJSON_GetObjectItem(json, "event"));
    cJSON_Delete(json);
    xfree(event);
}
END_TEST

START_TEST(bad_path_leaves_the_old_one)
{
    struct errmsg why = { "" };
    struct log_settings s = { .level = LOG_LEVEL_NOTICE, .path = "/nowhere/at/all" };

    open_log(false, LOG_LEVEL_NOTICE);
    ck_assert(log_open(&s, &why) == ERR_IO);
    ck_assert_str_eq(why.text,
                     "Can't open the log file '/nowhere/at/all': No such file or directory");
    log_notice("still here");
    ck_assert_ptr_nonnull(strstr(content(path), "still here"));
}
END_TEST

START_TEST(reopen_follows_rotation)
{
    char rotated[300];

    open_log(false, LOG_LEVEL_NOTICE);
    snprintf(rotated, sizeof rotated, "%s.1", path);
    log_notice("old");
    ck_assert_int_eq(rename(path, rotated), 0);
    log_notice("still old");
    log_reopen();
    log_notice("new");
    ck_assert_ptr_nonnull(strstr(content(rotated), "still old"));
    ck_assert_ptr_null(strstr(content(rotated), "new"));
    ck_assert_ptr_nonnull(strstr(content(path), "new"));
    unlink(rotated);
}
END_TEST

CHECK_MAIN("log", line_has_the_shape_of_redis, levels_filter, long_lines_are_cut_not_torn,
           no_message_forges_a_line, json_carries_the_facts, bad_path_leaves_the_old_one,
           reopen_follows_rotation)
