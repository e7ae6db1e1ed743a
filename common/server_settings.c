#include "common/server_settings.h"

#include <string.h>

#include "common/log.h"
#include "common/server_settings_lines.h"

/* ---- words ------------------------------------------------------------------------------------- */

static const struct setting_word access_words[] = {
    { "no", ACCESS_NO },
    { "yes", ACCESS_YES },
    { "local", ACCESS_LOCAL },
    { NULL, 0 },
};
static const struct setting_word acl_pubsub_words[] = {
    { "allchannels", 1 },
    { "resetchannels", 0 },
    { NULL, 0 },
};
static const struct setting_word tls_auth_words[] = {
    { "no", TLS_AUTH_NO },
    { "yes", TLS_AUTH_YES },
    { "optional", TLS_AUTH_OPTIONAL },
    { NULL, 0 },
};
static const struct setting_word tls_user_words[] = {
    { "off", TLS_USER_OFF },
    { "CN", TLS_USER_CN },
    { NULL, 0 },
};
static const struct setting_word loglevel_words[] = {
    { "debug", LOG_LEVEL_DEBUG },
    { "verbose", LOG_LEVEL_VERBOSE },
    { "notice", LOG_LEVEL_NOTICE },
    { "warning", LOG_LEVEL_WARNING },
    { NULL, 0 },
};
static const struct setting_word log_format_words[] = {
    { "text", LOG_FORMAT_TEXT },
    { "json", LOG_FORMAT_JSON },
    { NULL, 0 },
};
static const struct setting_word supervised_words[] = {
    { "upstart", SUPERVISED_UPSTART },
    { "systemd", SUPERVISED_SYSTEMD },
    { "auto", SUPERVISED_AUTO },
    { "no", SUPERVISED_NO },
    { NULL, 0 },
};
static const struct setting_word shutdown_words[] = {
    { "default", SHUTDOWN_DEFAULT }, { "save", SHUTDOWN_SAVE },   { "nosave", SHUTDOWN_NOSAVE },
    { "now", SHUTDOWN_NOW },         { "force", SHUTDOWN_FORCE }, { NULL, 0 },
};
static const struct setting_word oom_words[] = {
    { "no", OOM_NO },
    { "yes", OOM_YES },
    { "relative", OOM_RELATIVE },
    { "absolute", OOM_ABSOLUTE },
    { NULL, 0 },
};

/* ---- checks ------------------------------------------------------------------------------------ */

static enum err refuse(struct errmsg *why, const char *sentence)
{
    errmsg_set(why, "%s", sentence);
    return ERR_SYNTAX;
}

static enum err check_facility(struct bytes value, struct errmsg *out_why)
{
    static const char *const words[] = { "user",   "local0", "local1", "local2", "local3",
                                         "local4", "local5", "local6", "local7" };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (bytes_is_word(value, words[i]))
            return OK;
    return refuse(out_why,
                  "argument(s) must be one of the following: user, local0, local1, local2, "
                  "local3, local4, local5, local6, local7");
}

static enum err check_title(struct bytes value, struct errmsg *out_why)
{
    static const char *const names[] = { "title",    "listen-addr", "server-mode", "port",
                                         "tls-port", "unixsocket",  "config-file" };
    size_t at = 0;

    while (at < value.len) {
        const char *open = memchr(value.at + at, '{', value.len - at);
        const char *close = open ? memchr(open, '}', (size_t)(value.at + value.len - open)) : NULL;
        bool known = false;

        if (!open)
            return OK;
        for (size_t i = 0; close && i < ARRAY_LEN(names); i++)
            known |= bytes_is((struct bytes){ open + 1, (size_t)(close - open - 1) }, names[i]);
        if (!known)
            return refuse(out_why, "template format is invalid or contains unknown variables");
        at = (size_t)(close - value.at) + 1;
    }
    return OK;
}

/* ---- the rows ---------------------------------------------------------------------------------- */

#define AT(field) .at = offsetof(struct server_settings, field)

const struct setting server_setting_rows[] = {
    /* clang-format off */
    /* network */
    { .name = "bind", .kind = SET_LINES, .def = "* -::*", .when = SET_LIVE, .line = bind_line,
      .get = bind_get, .lines = bind_lines, .fini = bind_fini,
      .help = "Addresses to listen on; a minus sign in front of one that may be missing." },
    { .name = "port", .kind = SET_INT, .def = "6379", .min = "0", .max = "65535", AT(port),
      .when = SET_LIVE, .help = "TCP port; 0 listens on none." },
    { .name = "tls-port", .kind = SET_INT, .def = "0", .min = "0", .max = "65535", AT(tls_port),
      .when = SET_LIVE, .help = "TCP port for TLS; 0 listens on none." },
    { .name = "tcp-backlog", .kind = SET_INT, .def = "511", .min = "0", .max = "2147483647",
      AT(tcp_backlog), .when = SET_AT_START,
      .help = "Connections the kernel may hold before they are accepted." },
    { .name = "unixsocket", .kind = SET_TEXT, AT(unixsocket), .when = SET_AT_START,
      .help = "Path of a Unix socket to listen on." },
    { .name = "unixsocketperm", .kind = SET_OCTAL, .def = "0", .max = "777", AT(unixsocketperm),
      .when = SET_AT_START, .help = "Mode of that socket; 0 leaves it to the umask." },
    { .name = "bind-source-addr", .kind = SET_TEXT, AT(bind_source_addr), .when = SET_LIVE,
      .help = "Local address of outgoing connections." },
    { .name = "socket-mark-id", .kind = SET_INT, .def = "0", .min = "0", .max = "4294967295",
      AT(socket_mark_id), .when = SET_AT_START,
      .help = "Mark put on the listening sockets' packets; 0 is none." },
    { .name = "timeout", .kind = SET_INT, .def = "0", .min = "0", .max = "2147483647",
      AT(timeout_s), .when = SET_LIVE,
      .help = "Seconds after which an idle client is closed; 0 is never." },
    { .name = "tcp-keepalive", .kind = SET_INT, .def = "300", .min = "0", .max = "2147483647",
      AT(tcp_keepalive_s), .when = SET_LIVE,
      .help = "Seconds of silence after which the kernel probes a client; 0 is never." },
    { .name = "protected-mode", .kind = SET_BOOL, .def = "yes", AT(protected_mode),
      .when = SET_LIVE, .help = "Without a password, accept clients from this machine only." },

    { .name = "proxy-protocol-networks", .kind = SET_LINES, .def = "", .when = SET_LIVE,
      .line = proxies_line, .get = proxies_get, .lines = proxies_lines,
      .help = "Addresses of load balancers: TCP connections from there begin with a PROXY header, "
              "which is believed." },

    /* clients */
    { .name = "maxclients", .kind = SET_INT, .def = "10000", .min = "1", .max = "4294967295",
      AT(maxclients), .when = SET_LIVE, .help = "Most clients served at one time." },
    { .name = "requirepass", .kind = SET_PASSWORD, AT(requirepass), .when = SET_LIVE,
      .help = "Password of the default user." },
    { .name = "aclfile", .kind = SET_TEXT, .def = "", AT(aclfile), .when = SET_AT_START,
      .help = "File with users and their rules." },
    { .name = "user", .kind = SET_LINES, .when = SET_LIVE, .flags = SETTING_MULTI | SETTING_SECRET,
      .line = user_line, .lines = user_lines, .fini = user_fini,
      .help = "One user and its rules, as ACL SETUSER takes them." },
    { .name = "acllog-max-len", .kind = SET_INT, .def = "128", .min = "0",
      .max = "9223372036854775807", AT(acllog_max_len), .when = SET_LIVE,
      .help = "Entries kept of refused commands and logins." },
    { .name = "acl-pubsub-default", .kind = SET_ENUM, .def = "resetchannels", AT(acl_pubsub_all),
      .words = acl_pubsub_words, .when = SET_LIVE, .help = "Channels a new user may use." },
    { .name = "client-query-buffer-limit", .kind = SET_BYTES, .def = "1gb", .min = "1mb",
      .max = "9223372036854775807", AT(client_query_buffer_bytes), .when = SET_LIVE,
      .help = "Most bytes of an unfinished request." },
    { .name = "proto-max-bulk-len", .kind = SET_BYTES, .def = "512mb", .min = "1mb",
      .max = "9223372036854775807", AT(proto_max_bulk_bytes), .when = SET_LIVE,
      .help = "Longest single argument." },
    { .name = "client-output-buffer-limit", .kind = SET_LINES,
      .def = "normal 0 0 0 slave 256mb 64mb 60 pubsub 32mb 8mb 60", .when = SET_LIVE,
      .line = output_limit_line, .get = output_limit_get, .lines = output_limit_lines,
      .help = "Unsent bytes at which a client of a class is closed: at once, or when held for "
              "some seconds." },
    { .name = "maxmemory-clients", .kind = SET_BYTES_OR_PERCENT, .def = "0", AT(maxmemory_clients),
      .when = SET_LIVE,
      .help = "Memory of all clients together, in bytes or as a share of maxmemory." },
    { .name = "tracking-table-max-keys", .kind = SET_INT, .def = "1000000", .min = "0",
      .max = "9223372036854775807", AT(tracking_table_max_keys), .when = SET_LIVE, .help = "Keys remembered for clients that cache." },
    { .name = "enable-protected-configs", .kind = SET_ENUM, .def = "no",
      AT(enable_protected_configs), .words = access_words, .when = SET_AT_START,
      .help = "Who may change settings that reach outside the data: nobody, everybody, local "
              "clients." },
    { .name = "enable-debug-command", .kind = SET_ENUM, .def = "no", AT(enable_debug_command),
      .words = access_words, .when = SET_AT_START, .help = "Who may use DEBUG." },
    { .name = "enable-module-command", .kind = SET_ENUM, .def = "no", AT(enable_module_command),
      .words = access_words, .when = SET_AT_START, .flags = SETTING_IGNORED,
      .help = "Who may use MODULE." },
    { .name = "rename-command", .kind = SET_LINES, .when = SET_LIVE, .flags = SETTING_MULTI,
      .line = rename_line, .fini = rename_fini, .help = "Gives a command another name, or none." },
    { .name = "loadmodule", .kind = SET_LINES, .when = SET_LIVE,
      .flags = SETTING_MULTI | SETTING_IGNORED, .line = setting_line_any,
      .help = "A module to load." },

    /* TLS */
    { .name = "tls-cert-file", .kind = SET_TEXT, AT(tls_cert_file), .when = SET_LIVE,
      .help = "Certificate shown to clients, and to servers where no other is given." },
    { .name = "tls-key-file", .kind = SET_TEXT, AT(tls_key_file), .when = SET_LIVE,
      .help = "Its private key." },
    { .name = "tls-key-file-pass", .kind = SET_SECRET, AT(tls_key_file_pass), .when = SET_LIVE,
      .help = "What opens that key." },
    { .name = "tls-client-cert-file", .kind = SET_TEXT, AT(tls_client_cert_file), .when = SET_LIVE,
      .help = "Certificate shown to servers." },
    { .name = "tls-client-key-file", .kind = SET_TEXT, AT(tls_client_key_file), .when = SET_LIVE,
      .help = "Its private key." },
    { .name = "tls-client-key-file-pass", .kind = SET_SECRET, AT(tls_client_key_file_pass),
      .when = SET_LIVE, .help = "What opens that key." },
    { .name = "tls-dh-params-file", .kind = SET_TEXT, AT(tls_dh_params_file), .when = SET_LIVE,
      .help = "Diffie-Hellman parameters for old clients." },
    { .name = "tls-ca-cert-file", .kind = SET_TEXT, AT(tls_ca_cert_file), .when = SET_LIVE,
      .help = "Authorities whose certificates are believed." },
    { .name = "tls-ca-cert-dir", .kind = SET_TEXT, AT(tls_ca_cert_dir), .when = SET_LIVE,
      .help = "Directory of such authorities." },
    { .name = "tls-auth-clients", .kind = SET_ENUM, .def = "yes", AT(tls_auth_clients),
      .words = tls_auth_words, .when = SET_LIVE,
      .help = "Whether a client must show a certificate." },
    { .name = "tls-auth-clients-user", .kind = SET_ENUM, .def = "off", AT(tls_auth_clients_user),
      .words = tls_user_words, .when = SET_LIVE,
      .help = "Whether the common name of a client's certificate names the user it logs in as." },
    { .name = "tls-verify-hostnames", .kind = SET_BOOL, .def = "no", AT(tls_verify_hostnames),
      .when = SET_LIVE,
      .help = "A server's certificate must carry the name or address by which it was dialled." },
    { .name = "tls-replication", .kind = SET_BOOL, .def = "no", AT(tls_replication),
      .when = SET_LIVE, .help = "Use TLS towards the leader, and between sentinels." },
    { .name = "tls-cluster", .kind = SET_BOOL, .def = "no", AT(tls_cluster), .when = SET_LIVE,
      .flags = SETTING_IGNORED, .help = "Use TLS on the cluster bus." },
    { .name = "tls-protocols", .kind = SET_TEXT, AT(tls_protocols), .when = SET_LIVE,
      .help = "TLS versions offered." },
    { .name = "tls-ciphers", .kind = SET_TEXT, AT(tls_ciphers), .when = SET_LIVE,
      .help = "Ciphers up to TLS 1.2." },
    { .name = "tls-ciphersuites", .kind = SET_TEXT, AT(tls_ciphersuites), .when = SET_LIVE,
      .help = "Ciphers of TLS 1.3." },
    { .name = "tls-prefer-server-ciphers", .kind = SET_BOOL, .def = "no",
      AT(tls_prefer_server_ciphers), .when = SET_LIVE,
      .help = "The server's order of ciphers counts." },
    { .name = "tls-session-caching", .kind = SET_BOOL, .def = "yes", AT(tls_session_caching),
      .when = SET_LIVE, .help = "Let returning clients resume." },
    { .name = "tls-session-cache-size", .kind = SET_INT, .def = "20480", .min = "0",
      .max = "2147483647", AT(tls_session_cache_size), .when = SET_LIVE,
      .help = "Sessions kept for that." },
    { .name = "tls-session-cache-timeout", .kind = SET_INT, .def = "300", .min = "0",
      .max = "2147483647", AT(tls_session_cache_timeout_s), .when = SET_LIVE,
      .help = "Seconds they are kept." },

    /* HTTP */
    { .name = "http-port", .kind = SET_INT, .def = "0", .min = "0", .max = "65535", AT(http_port),
      .when = SET_LIVE, .help = "TCP port for HTTP: metrics and health; 0 listens on none." },
    { .name = "http-bind", .kind = SET_LINES, .def = "127.0.0.1 -::1", .when = SET_LIVE,
      .line = http_bind_line, .get = http_bind_get, .lines = http_bind_lines,
      .fini = http_bind_fini,
      .help = "Addresses to listen on for HTTP; one beyond this machine demands a token." },
    { .name = "http-tls", .kind = SET_BOOL, .def = "no", AT(http_tls), .when = SET_LIVE,
      .help = "Speak HTTPS alone, with the certificates of the tls settings." },
    { .name = "http-token", .kind = SET_SECRET, AT(http_token), .when = SET_LIVE,
      .help = "Token that a HTTP client must show as 'Authorization: Bearer'." },
    { .name = "http-token-file", .kind = SET_TEXT, AT(http_token_file), .when = SET_LIVE,
      .help = "File with such tokens, one a line, each of which counts; behind the word view it may look alone." },
    { .name = "http-token-without-tls", .kind = SET_BOOL, .def = "no", AT(http_token_without_tls),
      .when = SET_LIVE, .help = "Let tokens come over the network in the clear." },
    { .name = "http-open-health", .kind = SET_BOOL, .def = "no", AT(http_open_health),
      .when = SET_LIVE, .help = "Health is told without a token too." },
    { .name = "http-max-connections", .kind = SET_INT, .def = "128", .min = "1", .max = "65536",
      AT(http_max_connections), .when = SET_LIVE,
      .help = "Most HTTP connections at one time; beyond, the one quiet for longest is closed." },
    { .name = "http-request-timeout", .kind = SET_INT, .def = "10", .min = "1", .max = "3600",
      AT(http_request_timeout_s), .when = SET_LIVE,
      .help = "Seconds in which a HTTP request must be whole, and an answer must move." },
    { .name = "http-idle-timeout", .kind = SET_INT, .def = "75", .min = "1", .max = "86400",
      AT(http_idle_timeout_s), .when = SET_LIVE,
      .help = "Seconds that a HTTP connection may be quiet between two requests." },
    { .name = "http-max-target", .kind = SET_BYTES, .def = "2kb", .min = "64", .max = "64kb",
      AT(http_max_target_bytes), .when = SET_LIVE, .help = "Longest path and query of HTTP." },
    { .name = "http-max-head", .kind = SET_BYTES, .def = "8kb", .min = "512", .max = "64kb",
      AT(http_max_head_bytes), .when = SET_LIVE, .help = "Most bytes of a HTTP request's head." },
    { .name = "http-max-body", .kind = SET_BYTES, .def = "64kb", .min = "0", .max = "1mb",
      AT(http_max_body_bytes), .when = SET_LIVE, .help = "Most bytes of a HTTP request's body." },

    /* log */
    { .name = "loglevel", .kind = SET_ENUM, .def = "notice", AT(loglevel), .words = loglevel_words,
      .when = SET_LIVE, .help = "The least level that is logged." },
    { .name = "logfile", .kind = SET_TEXT, .def = "", AT(logfile), .when = SET_AT_START,
      .help = "File that is logged to; none is stdout." },
    { .name = "log-format", .kind = SET_ENUM, .def = "text", AT(log_format),
      .words = log_format_words, .when = SET_LIVE,
      .help = "Lines for people, or one JSON object each." },
    { .name = "syslog-enabled", .kind = SET_BOOL, .def = "no", AT(syslog_enabled),
      .when = SET_AT_START, .help = "Log to syslog too." },
    { .name = "syslog-ident", .kind = SET_TEXT, .def = "redis", AT(syslog_ident),
      .when = SET_AT_START, .help = "Name used there." },
    { .name = "syslog-facility", .kind = SET_TEXT, .def = "local0", AT(syslog_facility),
      .check = check_facility, .when = SET_AT_START, .help = "Facility used there." },

    /* process */
    { .name = "dir", .kind = SET_LINES, .when = SET_LIVE, .flags = SETTING_PROTECTED,
      .line = dir_line, .get = dir_get, .lines = dir_lines,
      .help = "The working directory, in which data files stand." },
    { .name = "daemonize", .kind = SET_BOOL, .def = "no", AT(daemonize), .when = SET_AT_START,
      .help = "Leave the terminal and run in the background." },
    { .name = "pidfile", .kind = SET_TEXT, .def = "", AT(pidfile), .when = SET_AT_START,
      .help = "File that holds the process id while we run." },
    { .name = "supervised", .kind = SET_ENUM, .def = "no", AT(supervised),
      .words = supervised_words, .when = SET_AT_START,
      .help = "Tell the service manager when we are ready." },
    { .name = "shutdown-timeout", .kind = SET_INT, .def = "10", .min = "0", .max = "2147483647",
      AT(shutdown_timeout_s), .when = SET_LIVE, .help = "Seconds a shutdown waits for followers." },
    { .name = "shutdown-on-sigterm", .kind = SET_ENUM, .def = "default", AT(shutdown_on_sigterm),
      .words = shutdown_words, .when = SET_LIVE, .flags = SETTING_BITS,
      .help = "How SIGTERM shuts down." },
    { .name = "shutdown-on-sigint", .kind = SET_ENUM, .def = "default", AT(shutdown_on_sigint),
      .words = shutdown_words, .when = SET_LIVE, .flags = SETTING_BITS,
      .help = "How SIGINT shuts down." },
    { .name = "crash-log-enabled", .kind = SET_BOOL, .def = "yes", AT(crash_log_enabled),
      .when = SET_LIVE, .help = "Log a report when we crash." },
    { .name = "crash-memcheck-enabled", .kind = SET_BOOL, .def = "yes", AT(crash_memcheck_enabled),
      .when = SET_LIVE, .flags = SETTING_IGNORED, .help = "Test the memory when we crash." },
    { .name = "disable-thp", .kind = SET_BOOL, .def = "yes", AT(disable_thp), .when = SET_AT_START,
      .help = "Ask the kernel for no huge pages." },
    { .name = "oom-score-adj", .kind = SET_ENUM, .def = "no", AT(oom_score_adj), .words = oom_words,
      .when = SET_LIVE, .help = "How the kernel shall rank us when memory ends." },
    { .name = "oom-score-adj-values", .kind = SET_LINES, .def = "0 200 800", .when = SET_LIVE,
      .line = oom_values_line, .get = oom_values_get, .lines = oom_values_lines,
      .help = "Ranks of a leader, a follower and a helper process." },
    { .name = "set-proc-title", .kind = SET_BOOL, .def = "yes", AT(set_proc_title),
      .when = SET_AT_START, .flags = SETTING_IGNORED,
      .help = "Show port and role in the process list." },
    { .name = "proc-title-template", .kind = SET_TEXT, .def = "{title} {listen-addr} {server-mode}",
      AT(proc_title_template), .check = check_title, .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "What is shown there." },
    { .name = "always-show-logo", .kind = SET_BOOL, .def = "no", AT(always_show_logo),
      .when = SET_AT_START, .flags = SETTING_IGNORED, .help = "Draw the logo at the start." },
    { .name = "ignore-warnings", .kind = SET_TEXT, .def = "", AT(ignore_warnings), .when = SET_LIVE,
      .flags = SETTING_IGNORED, .help = "Warnings about the machine to leave out." },
    { .name = "server_cpulist", .kind = SET_TEXT, AT(server_cpulist), .when = SET_AT_START,
      .flags = SETTING_IGNORED, .help = "Processors for the main thread." },
    { .name = "bio_cpulist", .kind = SET_TEXT, AT(bio_cpulist), .when = SET_AT_START,
      .flags = SETTING_IGNORED, .help = "Processors for helper threads." },
    { .name = "aof_rewrite_cpulist", .kind = SET_TEXT, AT(aof_rewrite_cpulist),
      .when = SET_AT_START, .flags = SETTING_IGNORED, .help = "Processors for the AOF rewrite." },
    { .name = "bgsave_cpulist", .kind = SET_TEXT, AT(bgsave_cpulist), .when = SET_AT_START,
      .flags = SETTING_IGNORED, .help = "Processors for snapshots." },
    { .name = "hz", .kind = SET_INT, .def = "10", .min = "0", .max = "2147483647", AT(hz),
      .clamp_min = "1", .clamp_max = "500", .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "Background turns in a second." },
    { .name = "dynamic-hz", .kind = SET_BOOL, .def = "yes", AT(dynamic_hz), .when = SET_LIVE,
      .flags = SETTING_IGNORED, .help = "More of them with many clients." },
    { .name = "io-threads", .kind = SET_INT, .def = "1", .min = "1", .max = "128", AT(io_threads),
      .when = SET_AT_START, .flags = SETTING_IGNORED,
      .help = "Threads that read and write for clients." },
    { .name = "io-threads-do-reads", .kind = SET_BOOL, .def = "no", AT(io_threads_do_reads),
      .when = SET_AT_START, .flags = SETTING_IGNORED, .help = "Those threads read too." },

    /* insight */
    { .name = "slowlog-log-slower-than", .kind = SET_INT, .def = "10000", .min = "-1",
      .max = "9223372036854775807", AT(slowlog_slower_than_us), .when = SET_LIVE,
      .help = "Microseconds from which a command is kept in the slow log; -1 is never." },
    { .name = "slowlog-max-len", .kind = SET_INT, .def = "128", .min = "0",
      .max = "9223372036854775807", AT(slowlog_max_len), .when = SET_LIVE,
      .help = "Commands kept there." },
    { .name = "latency-monitor-threshold", .kind = SET_INT, .def = "0", .min = "0",
      .max = "9223372036854775807", AT(latency_threshold_ms), .when = SET_LIVE,
      .help = "Milliseconds from which an event is kept by LATENCY; 0 is never." },
    { .name = "latency-tracking", .kind = SET_BOOL, .def = "yes", AT(latency_tracking),
      .when = SET_LIVE, .help = "Keep how long each command takes." },
    { .name = "latency-tracking-info-percentiles", .kind = SET_LINES, .def = "50 99 99.9",
      .when = SET_LIVE, .line = percentiles_line, .clear = percentiles_clear,
      .get = percentiles_get, .lines = percentiles_lines,
      .help = "Percentiles of that shown by INFO." },
    { .name = NULL },
};
/* clang-format on */
