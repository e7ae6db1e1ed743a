/*
 * conf and settings: every `sentinel` directive is read with Redis's sentences, in any order; what is
 * written has the layout redis-sentinel gives the same file, and reads back to the same config.
 */
#include <string.h>
#include <unistd.h>

#include "tests/check_main.h"
#include "common/alloc.h"
#include "common/log.h"
#include "sentinel/state/conf.h"
#include "sentinel/state/keeper.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define M1   "sentinel monitor m1 127.0.0.1 7001 2\n"

static struct sentinel_settings set;
static struct settings *table;
static struct config config;
static struct errmsg why;
static char path[] = "/tmp/test_conf.XXXXXX";

static enum err load(const char *text)
{
    char *argv[] = { path };
    FILE *f;
    enum err e;

    if (strstr(path, "XXXXXX"))
        close(mkstemp(path));
    settings_free(table);
    sentinel_settings_fini(&set);
    config_fini(&config);
    table = settings_new(&set, NULL);
    sentinel_settings_add(table, &set);
    log_set_level(LOG_LEVEL_NOTHING);
    f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
    why.text[0] = '\0';
    e = settings_load(table, 1, argv, &why);
    unlink(path);
    return e == OK ? sentinel_settings_config(&set, &config, &why) : e;
}

static void refused(const char *text, int line, const char *shown, const char *reason)
{
    char expected[512];

    ck_assert_msg(load(text) != OK, "accepted: %s", text);
    snprintf(expected, sizeof expected,
             "\n*** FATAL CONFIG FILE ERROR (Holdfast " HF_VERSION
             ") ***\nReading the configuration "
             "file, at line %d of %s\n>>> '%s'\n%s\n",
             line, path, shown, reason);
    ck_assert_str_eq(why.text, expected);
}

/* What --help tells of is read, with as many words as it says. */
START_TEST(manual_is_true)
{
    struct buf text = { 0 };
    int forms = 0;

    ck_assert_int_eq(load(""), OK);
    conf_manual(&text);
    for (char *save, *line = strtok_r((char *)buf_text(&text), "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        struct bytes argv[8];
        int argc = 0;

        if (strncmp(line, "   ", 3) == 0 || strchr(line, ','))
            continue;
        for (char *inner, *word = strtok_r(line, " ", &inner); word;
             word = strtok_r(NULL, " ", &inner))
            argv[argc++] = bytes_of(word);
        why.text[0] = '\0';
        if (conf_line(&set, &config, PASS_REST, argc, argv, &why) != OK)
            ck_assert_msg(!strstr(why.text, "Unrecognized"), "%s of %d words", line, argc);
        forms++;
    }
    ck_assert_int_ge(forms, 20);
    buf_fini(&text);
}
END_TEST

START_TEST(sentences_of_redis)
{
    static const struct {
        const char *line, *reason;
    } bad[] = {
        { "foo", "Unrecognized sentinel configuration statement." },
        { "monitor m1 127.0.0.1 22011", "Unrecognized sentinel configuration statement." },
        { "monitor m2 127.0.0.1 99999 2", "Invalid port number." },
        { "monitor m2 127.0.0.1 22011 0", "Quorum must be 1 or greater." },
        { "monitor m2 127.0.0.1 22011 2x", "Invalid quorum." },
        { "monitor m2 no.such.host 22011 1", "Can't resolve instance hostname." },
        { "monitor m1 127.0.0.1 7001 2", "Duplicate master name." },
        { "down-after-milliseconds m2 5", "No such master with specified name." },
        { "down-after-milliseconds m1 0", "negative or zero time parameter." },
        { "down-after-milliseconds m1 x", "negative or zero time parameter." },
        { "failover-timeout m1 -1", "negative or zero time parameter." },
        { "parallel-syncs m1 x", "parallel-syncs must be 1 or greater." },
        { "notification-script m1 /nonexist",
          "Notification script seems non existing or non executable." },
        { "client-reconfig-script m1 /nonexist",
          "Client reconfiguration script seems non existing or non executable." },
        { "myid abc", "Malformed Sentinel id in myid option." },
        { "deny-scripts-reconfig maybe",
          "Please specify yes or no for the deny-scripts-reconfig options." },
        { "resolve-hostnames x", "Please specify yes or no for the resolve-hostnames option." },
        { "announce-hostnames x", "Please specify yes or no for the announce-hostnames option." },
        { "announce-port 65536", "Invalid port number." },
        { "known-replica m1 1.2.3.4 99999", "Invalid port number." },
        { "known-sentinel m1 1.2.3.4 99999 " ID_A, "Invalid port number." },
        { "known-sentinel m1 1.2.3.4 5 x", "Malformed Sentinel id in known-sentinel option." },
        { "rename-command m1 a", "Unrecognized sentinel configuration statement." },
        { "master-reboot-down-after-period m1 -1", "negative time parameter." },
        { "config-epoch m1 x", "Invalid epoch." },
        { "leader-epoch m1 99999999999999999999", "Invalid epoch." },
        { "current-epoch -1", "Invalid epoch." },
        { "fast-detection m1 maybe",
          "Please specify auto, yes or no for the fast-detection option." },
        { "durability m1 disk",
          "Please specify async, mem, os or fsync for the durability option." },
        { "busy-failover m1 499",
          "Please specify 0 or at least 500 milliseconds for the busy-failover option." },
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char text[256], shown[200];

        snprintf(shown, sizeof shown, "sentinel %s", bad[i].line);
        snprintf(text, sizeof text, "# c\n" M1 "%s\n", shown);
        refused(text, 3, shown, bad[i].reason);
    }
    refused(M1 "sentinel rename-command m1 a b\nsentinel rename-command m1 A c\n", 3,
            "sentinel rename-command m1 A c",
            "Same command renamed multiple times with rename-command.");
    refused(M1 "sentinel AUTH-pass m2 secret\n", 2, "sentinel AUTH-pass ******",
            "No such master with specified name.");
    refused("sentinel  sentinel-pass \"secret\n", 1, "sentinel  sentinel-pass ******",
            "Unbalanced quotes in configuration line");
    refused("sentinel sentinel-pass-fallback \"secret\n", 1,
            "sentinel sentinel-pass-fallback ******", "Unbalanced quotes in configuration line");
    refused("sentinell monitor a b c d\n", 1, "sentinell monitor a b c d",
            "Bad directive or wrong number of arguments, did you mean 'sentinel'?");
}
END_TEST

START_TEST(no_secret_of_a_command_line_is_shown)
{
    char words[][16] = { "--sentinel", "auth-pass", "m1", "secret" };
    char *argv[] = { words[0], words[1], words[2], words[3] };

    ck_assert(load("") == OK);
    ck_assert(settings_load(table, (int)ARRAY_LEN(argv), argv, &why) == OK);
    ck_assert(sentinel_settings_config(&set, &config, &why) != OK);
    ck_assert_ptr_nonnull(strstr(why.text, "No such master with specified name."));
    ck_assert_ptr_null(strstr(why.text, "secret"));
}
END_TEST

START_TEST(order_of_lines_does_not_matter)
{
    ck_assert_msg(load("SENTINEL config-epoch m1 7\nsentinel KNOWN-slave m1 127.0.0.1 7002\n"
                       "sentinel leader-epoch m1 9\nsentinel down-after-milliseconds m1 5000\n" M1
                       "sentinel known-sentinel m1 127.0.0.1 26379\n"
                       "sentinel known-sentinel m1 127.0.0.1 26380 " ID_A "\n"
                       "sentinel monitor m2 leader.example 7003 1\nsentinel auth-pass m2 \"a b\"\n"
                       "sentinel resolve-hostnames yes\nsentinel fast-detection m2 no\nsentinel\n"
                       "sentinel durability m2 OS\nsentinel busy-failover m2 60000\n"
                       "maxmemory 5mb\nsentinel current-epoch 3\nport 26400\n") == OK,
                  "%s", why.text);
    ck_assert_uint_eq(config.group_count, 2);
    ck_assert_uint_eq(config.current_epoch, 9); /* at least every epoch that is named */
    ck_assert_uint_eq(config.groups[0].config_epoch, 7);
    ck_assert_uint_eq(config.groups[0].set.down_after_ms, 5000);
    ck_assert_uint_eq(config.groups[0].set.failover_timeout_ms, 180000);
    ck_assert_uint_eq(config.groups[0].node_count, 1);
    ck_assert_uint_eq(config.groups[0].peer_count, 1);
    ck_assert_str_eq(config.groups[1].leader.host, "leader.example");
    ck_assert_str_eq(config.groups[1].set.auth_pass, "a b");
    ck_assert_int_eq(config.groups[1].set.fast_detection, FAST_NO);
    ck_assert_int_eq(config.groups[1].set.durability, KEEP_OS);
    ck_assert_uint_eq(config.groups[0].set.busy_failover_ms, 5000);
    ck_assert_uint_eq(config.groups[1].set.busy_failover_ms, 60000);
    ck_assert_int_eq(config.globals.listen_port, 26400);
    ck_assert(config.globals.deny_scripts_reconfig);
}
END_TEST

START_TEST(defaults_of_a_sentinel)
{
    ck_assert(load("tls-replication yes\ntls-port 7\n") == OK);
    ck_assert_int_eq(set.server.port, 26379);
    ck_assert(set.server.protected_mode);
    ck_assert_int_eq(config.globals.listen_port, 7);
}
END_TEST

/* The file of Debian, without its directories. */
START_TEST(the_file_of_debian_loads)
{
    ck_assert_msg(
        load("protected-mode no\nport 26379\ndaemonize yes\npidfile "
             "/run/sentinel/redis-sentinel.pid\n"
             "logfile /var/log/redis/redis-sentinel.log\nsentinel monitor mymaster 127.0.0.1 6379 "
             "2\n"
             "sentinel down-after-milliseconds mymaster 30000\nacllog-max-len 128\n"
             "sentinel parallel-syncs mymaster 1\nsentinel failover-timeout mymaster 180000\n"
             "sentinel deny-scripts-reconfig yes\nSENTINEL resolve-hostnames no\n"
             "SENTINEL announce-hostnames no\n"
             "SENTINEL master-reboot-down-after-period mymaster 0\n") == OK,
        "%s", why.text);
    ck_assert_uint_eq(config.group_count, 1);
}
END_TEST

static const char *merged(const char *old)
{
    static struct buf out;
    struct keeper k = { .config = config,
                        .rows = set.rows,
                        .state_file = set.state_file,
                        .ours_in_file = set.ours_in_file,
                        .ours_in_file_count = set.ours_in_file_count };

    out.len = 0;
    keeper_merge_conf(&k, bytes_of(old), &out);
    return buf_text(&out);
}

/* What redis-sentinel 7.0.15 makes of this file, but for its own order of groups (m2 before m1), the
 * `known-slave` line that it keeps beside its translation, and the server lines that it adds. */
START_TEST(layout_of_redis_sentinel)
{
    const char *file =
        "# head comment\nport 22010\nsentinel monitor m1 127.0.0.1 22011 2\n# about m1\n"
        "sentinel down-after-milliseconds m1 5000\nsentinel failover-timeout m1 180000\n\n"
        "sentinel known-replica m1 127.0.0.1 22013\nsentinel monitor m2 127.0.0.1 22021 1\n"
        "sentinel auth-pass m2 secret\nsentinel auth-user m2 bob\nsentinel parallel-syncs m2 3\n"
        "sentinel rename-command m2 CONFIG xconfig\n"
        "sentinel known-sentinel m1 127.0.0.1 22015 " ID_A "\nSENTINEL resolve-hostnames yes\n"
        "sentinel announce-ip 127.0.0.9\nsentinel myid " ID_B "\nsentinel config-epoch m1 7\n"
        "sentinel leader-epoch m1 8\nsentinel current-epoch 9\nsentinel deny-scripts-reconfig yes\n"
        "loglevel verbose\n";

    ck_assert_msg(load(file) == OK, "%s", why.text);
    ck_assert_str_eq(
        merged(file),
        "# head comment\nport 22010\nsentinel monitor m1 127.0.0.1 22011 2\n# about m1\n"
        "sentinel down-after-milliseconds m1 5000\n\n"
        "sentinel known-replica m1 127.0.0.1 22013\nsentinel monitor m2 127.0.0.1 22021 1\n"
        "sentinel auth-pass m2 secret\nsentinel auth-user m2 bob\nsentinel parallel-syncs m2 3\n"
        "sentinel rename-command m2 CONFIG xconfig\n"
        "sentinel known-sentinel m1 127.0.0.1 22015 " ID_A "\nsentinel resolve-hostnames yes\n"
        "sentinel announce-ip \"127.0.0.9\"\nsentinel myid " ID_B "\nsentinel config-epoch m1 7\n"
        "sentinel leader-epoch m1 8\nsentinel current-epoch 9\nsentinel deny-scripts-reconfig yes\n"
        "loglevel verbose\n\n# Generated by CONFIG REWRITE\nsentinel config-epoch m2 0\n"
        "sentinel leader-epoch m2 0\n");
}
END_TEST

START_TEST(nothing_is_added_that_redis_does_not_know)
{
    ck_assert(load(M1 "sentinel myid " ID_A "\n") == OK);
    config.groups[0].set.fast_detection = FAST_NO;
    config.groups[0].set.durability = KEEP_FSYNC;
    ck_assert_ptr_null(strstr(merged(M1), "fast"));
    config.groups[0].set.busy_failover_ms = 0;
    ck_assert_ptr_null(strstr(merged(M1), "durability"));
    ck_assert_ptr_null(strstr(merged(M1), "busy"));
    ck_assert(load(M1 "sentinel myid " ID_A "\nsentinel Durability m1 os\n") == OK);
    config.groups[0].set.durability = KEEP_FSYNC;
    ck_assert_ptr_nonnull(strstr(merged(M1), "sentinel durability m1 fsync\n"));
    ck_assert(load(M1 "sentinel myid " ID_A "\nsentinel busy-failover m1 9000\n") == OK);
    config.groups[0].set.busy_failover_ms = 0;
    ck_assert_ptr_nonnull(strstr(merged(M1), "sentinel busy-failover m1 0\n"));
    ck_assert(load(M1 "sentinel myid " ID_A "\nsentinel fast-detection m1 yes\n"
                      "sentinel state-file /var/lib/x\n") == OK);
    config.groups[0].set.fast_detection = FAST_NO;
    config.globals.sentinel_pass_fallback = xstrdup("of a while");
    ck_assert_str_eq(
        merged("sentinel fast-detection m1 yes\n" M1 "sentinel state-file /var/lib/x\n"),
        "sentinel fast-detection m1 no\n" M1 "sentinel state-file /var/lib/x\n"
        "\n# Generated by CONFIG REWRITE\nsentinel myid " ID_A "\n"
        "sentinel config-epoch m1 0\nsentinel leader-epoch m1 0\n"
        "sentinel current-epoch 0\n");
    ck_assert(load(M1 "sentinel Sentinel-Pass-Fallback old\n") == OK);
    ck_assert_str_eq(config.globals.sentinel_pass_fallback, "old");
    xfree(config.globals.sentinel_pass_fallback);
    config.globals.sentinel_pass_fallback = NULL;
    ck_assert_ptr_nonnull(strstr(merged("sentinel sentinel-pass-fallback old\n" M1),
                                 "sentinel sentinel-pass-fallback \"\"\n"));
}
END_TEST

START_TEST(odd_values_survive_and_forge_nothing)
{
    AUTO_FREE char *written = NULL;

    ck_assert(load("sentinel monitor \"a b\" 127.0.0.1 7001 2\nsentinel myid " ID_A "\n"
                   "sentinel auth-pass \"a b\" \"x y\\nsentinel current-epoch 99\"\n"
                   "sentinel sentinel-pass \"#\\\"\"\n") == OK);
    written = xstrdup(merged(""));
    ck_assert_ptr_null(strstr(written, "\nsentinel current-epoch 99"));
    ck_assert_msg(load(written) == OK, "%s", why.text);
    ck_assert_str_eq(config.groups[0].name, "a b");
    ck_assert_str_eq(config.groups[0].set.auth_pass, "x y\nsentinel current-epoch 99");
    ck_assert_str_eq(config.globals.sentinel_pass, "#\"");
    ck_assert_uint_eq(config.current_epoch, 0);
    ck_assert_str_eq(merged(written), written);
}
END_TEST

CHECK_MAIN("conf", manual_is_true, sentences_of_redis, no_secret_of_a_command_line_is_shown,
           order_of_lines_does_not_matter, defaults_of_a_sentinel, the_file_of_debian_loads,
           layout_of_redis_sentinel, nothing_is_added_that_redis_does_not_know,
           odd_values_survive_and_forge_nothing)
