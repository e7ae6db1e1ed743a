/*
 * acl_users - the subcommands of ACL that show and change users, and the files users stand in.
 */
#ifndef HF_COMMON_SERVE_ACL_USERS_H
#define HF_COMMON_SERVE_ACL_USERS_H

#include "common/command.h"

void acl_cmd_users(struct call *c);
void acl_cmd_list(struct call *c);
void acl_cmd_getuser(struct call *c);
void acl_cmd_setuser(struct call *c);
void acl_cmd_deluser(struct call *c);
void acl_cmd_load(struct call *c);
void acl_cmd_save(struct call *c);
void acl_cmd_dryrun(struct call *c);

#endif
