/*
 * commands - what a drive says to nodes and peers, and what their replies mean.
 *
 * Each function obeys one kind of action: it encodes the command (with the group's renamed words) on
 * the instance's command line and leaves behind what its reply needs to become an event. A line that
 * is not up swallows the command; a line that dies swallows the reply: EV_LINE_DOWN says enough.
 */
#ifndef HF_SENTINEL_DRIVE_COMMANDS_H
#define HF_SENTINEL_DRIVE_COMMANDS_H

#include "sentinel/drive/drive.h"

typedef void command_fn(struct drive *d, const struct action *a);

command_fn command_ping, command_info, command_hello, command_role, command_failover, command_tidy,
    command_script_kill, command_ask, command_probe, command_pause, command_state;

#endif
