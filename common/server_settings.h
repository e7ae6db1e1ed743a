/*
 * server_settings - the directives both daemons share: network, limits on clients, TLS, logging, process.
 *
 * A daemon's own settings struct begins with a struct server_settings, so that the rows' offsets hold
 * for it; the daemon adds server_setting_rows first and its own rows after. Texts are never NULL.
 * Names, defaults, bounds and words are redis.conf's of 7.0; each field names its directive.
 */
#ifndef HF_COMMON_SERVER_SETTINGS_H
#define HF_COMMON_SERVER_SETTINGS_H

#include "common/acl/rules.h"
#include "common/net_range.h"
#include "common/settings.h"
#include "common/tls.h"

enum { BIND_MAX = 16, PERCENTILES_MAX = 32, COMMAND_RENAMES_MAX = 256 };

enum access_rule { ACCESS_NO, ACCESS_YES, ACCESS_LOCAL }; /* enable-*-command, …-configs */
enum supervised { SUPERVISED_NO, SUPERVISED_AUTO, SUPERVISED_SYSTEMD, SUPERVISED_UPSTART };
enum tls_user { TLS_USER_OFF, TLS_USER_CN };                     /* tls-auth-clients-user */
enum oom_adjust { OOM_NO, OOM_YES, OOM_RELATIVE, OOM_ABSOLUTE }; /* yes is relative */
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* shutdown-on-sigterm, shutdown-on-sigint, and SHUTDOWN's arguments. */
enum shutdown_flag {
    SHUTDOWN_DEFAULT = 0,
    SHUTDOWN_SAVE = 1u << 0,
    SHUTDOWN_NOSAVE = 1u << 1,
    SHUTDOWN_NOW = 1u << 2,
    SHUTDOWN_FORCE = 1u << 3,
};

/* client-output-buffer-limit, one per class. 0: no limit. */
struct output_limit {
    uint64_t hard_bytes, soft_bytes;
    int64_t soft_s;
};
enum output_class { OUTPUT_NORMAL, OUTPUT_FOLLOWER, OUTPUT_PUBSUB, OUTPUT_CLASSES };

/* user NAME RULES: kept until every command is known. */
struct user_line {
    char *name;
    struct rules rules;
};

struct command_rename {
    char *from, *to; /* to "": the command is gone */
};

struct server_settings {
    /* network */
    char *bind[BIND_MAX]; /* "-" in front: may be missing */
    int bind_count;       /* 0: listen nowhere by TCP (bind "") */
    int64_t port, tls_port, tcp_backlog;
    char *unixsocket;
    int64_t unixsocketperm; /* 0: as umask says */
    char *bind_source_addr;
    int64_t socket_mark_id;
    int64_t timeout_s, tcp_keepalive_s; /* timeout, tcp-keepalive; 0: off */
    bool protected_mode;
    struct net_range proxies[PROXY_NETWORKS_MAX]; /* proxy-protocol-networks */
    int proxy_count;

    /* clients */
    int64_t maxclients;
    struct bytes requirepass;
    char *aclfile;
    int64_t acllog_max_len;
    int acl_pubsub_all; /* acl-pubsub-default: 1 allchannels, 0 resetchannels */
    uint64_t client_query_buffer_bytes, proto_max_bulk_bytes;
    struct output_limit output_limit[OUTPUT_CLASSES];
    int64_t maxmemory_clients; /* bytes; negative: percent of maxmemory */
    int64_t tracking_table_max_keys;
    int enable_protected_configs, enable_debug_command,
        enable_module_command; /* enum access_rule */

    struct user_line *user_lines;
    size_t user_line_count;
    const struct acl *users; /* whose lines CONFIG REWRITE writes; NULL: what stands there stays */
    struct command_rename renames[COMMAND_RENAMES_MAX]; /* rename-command */
    int rename_count;

    /* TLS */
    char *tls_cert_file, *tls_key_file, *tls_key_file_pass;
    char *tls_client_cert_file, *tls_client_key_file, *tls_client_key_file_pass;
    char *tls_ca_cert_file, *tls_ca_cert_dir, *tls_dh_params_file;
    char *tls_protocols, *tls_ciphers, *tls_ciphersuites;
    int tls_auth_clients;      /* enum tls_auth */
    int tls_auth_clients_user; /* enum tls_user */
    bool tls_verify_hostnames, tls_replication, tls_cluster, tls_prefer_server_ciphers,
        tls_session_caching;
    int64_t tls_session_cache_size, tls_session_cache_timeout_s;

    /* HTTP */
    char *http_bind[BIND_MAX];
    int http_bind_count;
    int64_t http_port; /* 0: off */
    bool http_tls, http_open_health, http_token_without_tls;
    char *http_token, *http_token_file;
    int64_t http_max_connections, http_request_timeout_s, http_idle_timeout_s;
    uint64_t http_max_target_bytes, http_max_head_bytes, http_max_body_bytes;

    /* log */
    int loglevel; /* enum log_level */
    char *logfile;
    int log_format; /* enum log_format */
    bool syslog_enabled;
    char *syslog_ident, *syslog_facility;

    /* process */
    bool daemonize;
    char *pidfile;  /* "": none, or the customary one where daemonize is on */
    int supervised; /* enum supervised */
    int shutdown_on_sigterm, shutdown_on_sigint; /* enum shutdown_flag */
    int64_t shutdown_timeout_s;
    bool crash_log_enabled, crash_memcheck_enabled, disable_thp;
    int oom_score_adj; /* enum oom_adjust */
    int64_t oom_score_adj_values[3];
    bool set_proc_title, always_show_logo;
    char *proc_title_template, *ignore_warnings;
    char *server_cpulist, *bio_cpulist, *aof_rewrite_cpulist, *bgsave_cpulist;
    int64_t hz;
    bool dynamic_hz;
    int64_t io_threads;
    bool io_threads_do_reads;

    /* insight */
    int64_t slowlog_slower_than_us, slowlog_max_len; /* slowlog-log-slower-than; -1: off */
    int64_t latency_threshold_ms;                    /* latency-monitor-threshold; 0: off */
    bool latency_tracking;
    double percentiles[PERCENTILES_MAX]; /* latency-tracking-info-percentiles */
    int percentile_count;
};

extern const struct setting server_setting_rows[];

/* Descriptors that are taken beside the clients' and those that every process has. */
int64_t server_settings_more_files(const struct server_settings *set);

/* A `user` line for each of set->users, as CONFIG REWRITE writes it; none where they stand in an aclfile. */
void server_settings_put_users(const struct server_settings *set, struct buf *out);

/* Accepts any words and forgets them: for names that a daemon must know because the other one, or
 * Redis, does. */
enum err setting_line_any(void *values, int argc, const struct bytes *argv, struct errmsg *out_why);

#endif
