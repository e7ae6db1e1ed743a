/*
 * bitmap_rows - one row per bitmap command.
 */
#include "node/types/bitmap.h"
#include "node/types/types.h"

/* BITFIELD only reads where all of its operations are whole GETs. */
static const char *field_key_flags(int argc, const struct bytes *argv)
{
    for (int i = 2; i < argc; i++) {
        if (bytes_is_word(argv[i], "get") && i + 2 < argc)
            i += 2;
        else if (bytes_is_word(argv[i], "overflow") && i + 1 < argc)
            i++;
        else
            return "RW access update";
    }
    return "RO access";
}

const struct command bitmap_commands[] = {
    { .name = "bitcount",
      .run = cmd_bitcount,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_READONLY,
      .acl = ACL_BITMAP,
      .keys = { 1, 1, 1 },
      .key_specs = "RO access",
      .group = "bitmap",
      .since = "2.6.0",
      .cost = "O(N)",
      .args = "key [index:{start:integer end:integer [index_unit:(BYTE|BIT)@7.0.0]}]",
      .help = "How many bits of a string, or of a part of it, are one.",
      .history = "7.0.0:Counts places in bytes or in bits." },
    { .name = "bitfield",
      .run = cmd_bitfield,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_WRITE | CMD_DENYOOM,
      .acl = ACL_BITMAP,
      .keys = { 1, 1, 1, .flags = field_key_flags },
      .key_specs = "RW access update variable_flags # Only read where all operations are GET",
      .group = "bitmap",
      .since = "3.2.0",
      .cost = "O(1) for each subcommand specified",
      .args = "key [operation:(GET={encoding offset:integer}|write:{[OVERFLOW=(WRAP|SAT|FAIL)] "
              "write_operation:(SET={encoding offset:integer value:integer}|INCRBY={encoding "
              "offset:integer increment:integer})})+]",
      .help = "Reads and changes numbers of any width inside a string." },
    { .name = "bitfield_ro",
      .run = cmd_bitfield_ro,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_READONLY | CMD_FAST,
      .acl = ACL_BITMAP,
      .keys = { 1, 1, 1 },
      .key_specs = "RO access",
      .group = "bitmap",
      .since = "6.0.0",
      .cost = "O(1) for each subcommand specified",
      .args = "key [GET={encoding offset:integer}++]",
      .help = "Reads numbers of any width inside a string." },
    { .name = "bitop",
      .run = cmd_bitop,
      .argc_min = 4,
      .argc_max = ARGC_ANY,
      .flags = CMD_WRITE | CMD_DENYOOM,
      .acl = ACL_BITMAP,
      .keys = { 2, -1, 1 },
      .key_specs = "OW update range=0:1:0;RO access index=3 range=-1:1:0",
      .group = "bitmap",
      .since = "2.6.0",
      .cost = "O(N)",
      .args = "operation destkey:key key:key1+",
      .help = "Stores what strings give when they are combined bit by bit." },
    { .name = "bitpos",
      .run = cmd_bitpos,
      .argc_min = 3,
      .argc_max = ARGC_ANY,
      .flags = CMD_READONLY,
      .acl = ACL_BITMAP,
      .keys = { 1, 1, 1 },
      .key_specs = "RO access",
      .group = "bitmap",
      .since = "2.8.7",
      .cost = "O(N)",
      .args = "key bit:integer [index:{start:integer [end_index:{end:integer "
              "[index_unit:(BYTE|BIT)@7.0.0]}]}]",
      .help = "Where the first bit of a value is.",
      .history = "7.0.0:Counts places in bytes or in bits." },
    { .name = "getbit",
      .run = cmd_getbit,
      .argc_min = 3,
      .argc_max = 3,
      .flags = CMD_READONLY | CMD_FAST,
      .acl = ACL_BITMAP,
      .keys = { 1, 1, 1 },
      .key_specs = "RO access",
      .group = "bitmap",
      .since = "2.2.0",
      .cost = "O(1)",
      .args = "key offset:integer",
      .help = "One bit of a string." },
    { .name = "setbit",
      .run = cmd_setbit,
      .argc_min = 4,
      .argc_max = 4,
      .flags = CMD_WRITE | CMD_DENYOOM,
      .acl = ACL_BITMAP,
      .keys = { 1, 1, 1 },
      .key_specs = "RW access update",
      .group = "bitmap",
      .since = "2.2.0",
      .cost = "O(1)",
      .args = "key offset:integer value:integer",
      .help = "Sets one bit of a string, which grows as far as it must." },
    { 0 },
};
