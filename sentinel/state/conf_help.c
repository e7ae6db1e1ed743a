#include "sentinel/state/conf.h"

/* The words behind `sentinel`, what an operator needs first in front. */
static const struct described {
    const char *form, *help;
} described[] = {
    { "monitor <group> <host> <port> <quorum>", "A group: its leader at the first start, and how "
                                                "many sentinels must agree that it is gone." },
    { "durability <group> async|mem|os|fsync",
      "What the answer to a write waits for; default async." },
    { "down-after-milliseconds <group> <ms>", "Silence that counts as death; default 30000. A "
                                              "durable group finds it sooner, and no later." },
    { "failover-timeout <group> <ms>", "How long one attempt may take; default 180000." },
    { "parallel-syncs <group> <count>",
      "Followers that turn to a new leader at a time; default 1." },
    { "fast-detection <group> auto|yes|no",
      "Whether a process that died is found at once; default auto." },
    { "busy-failover <group> <ms>",
      "How long the loop of a durable group's leader may stand still; 0: for ever; default 5000." },
    { "master-reboot-down-after-period <group> <ms>",
      "How long a leader that loads its data after a restart counts as down, or 0." },
    { "primary-reboot-down-after-period <group> <ms>", "The same." },
    { "auth-pass <group> <password>", "What is said to the group's nodes." },
    { "auth-pass-fallback <group> <password>", "What is tried where they refuse it." },
    { "auth-user <group> <user>", "As whom." },
    { "tls <group> auto|yes|no",
      "Whether its nodes are dialled with TLS; auto: as tls-replication says." },
    { "rename-command <group> <command> <name>", "What its nodes call a command." },
    { "notification-script <group> <path>", "Run with every warning." },
    { "client-reconfig-script <group> <path>", "Run when the leader changes." },
    { "announce-ip <ip>", "Where others find this sentinel, behind NAT." },
    { "announce-port <port>", "The same." },
    { "announce-hostnames yes|no", "Names instead of addresses in what is told; default no." },
    { "resolve-hostnames yes|no", "Names instead of addresses in what is read; default no." },
    { "sentinel-user <user>", "As whom other sentinels are asked." },
    { "sentinel-pass <password>", "And with which password." },
    { "sentinel-pass-fallback <password>", "What is tried where they refuse it." },
    { "deny-scripts-reconfig yes|no", "Whether SENTINEL SET may not change scripts; default yes." },
    { "state-file <path>",
      "The journal of what must not be forgotten; default: beside this file." },
};

static const char by_itself[] = "  myid, config-epoch, leader-epoch, current-epoch, known-replica, "
                                "known-slave, known-sentinel\n"
                                "        Written by the sentinel itself.\n";

void conf_manual(struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(described); i++) {
        buf_puts(out, "  ");
        buf_puts(out, described[i].form);
        buf_puts(out, "\n        ");
        buf_puts(out, described[i].help);
        buf_puts(out, "\n");
    }
    buf_puts(out, by_itself);
}
