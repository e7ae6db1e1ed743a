/*
 * sort_rows - one row per sorting command.
 */
#include "node/types/sort.h"
#include "node/types/types.h"

/* How many arguments belong to an option, which are no options themselves. */
static int arguments_behind(struct bytes word)
{
    return bytes_is_word(word, "limit")                              ? 2
           : bytes_is_word(word, "by") || bytes_is_word(word, "get") ? 1
                                                                     : 0;
}

/* The key, and the last one that is named to store into. */
static int find_sort_keys(int argc, const struct bytes *argv, int *out_positions, int max)
{
    int store = 0;

    for (int i = 2; i < argc; i++) {
        if (i + 1 < argc && bytes_is_word(argv[i], "store"))
            store = ++i;
        else
            i += arguments_behind(argv[i]);
    }
    if (max < 2)
        return -1;
    out_positions[0] = 1;
    out_positions[1] = store;
    return store ? 2 : 1;
}

const struct command sort_commands[] = {
    { .name = "sort",
      .run = cmd_sort,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_WRITE | CMD_DENYOOM | CMD_MOVABLEKEYS,
      .acl = ACL_SET | ACL_SORTEDSET | ACL_LIST | ACL_DANGEROUS,
      .keys = { 1, 1, 1, .find = find_sort_keys },
      .key_specs = "RO access;RO access unknown unknown # Keys that BY and GET make of "
                   "elements;OW update unknown unknown # The key behind STORE, wherever that "
                   "stands",
      .group = "generic",
      .since = "1.0.0",
      .cost = "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and "
              "M the number of returned elements. When the elements are not sorted, complexity "
              "is O(N).",
      .args = "key [BY=pattern:pattern1] [LIMIT={offset:integer count:integer}] "
              "[GET=pattern:pattern1++] [order:(ASC|DESC)] [sorting:'ALPHA'] "
              "[STORE=destination:key2]",
      .help = "Sorts the elements of a list, a set or a sorted set, shown or stored." },
    { .name = "sort_ro",
      .run = cmd_sort_ro,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_READONLY | CMD_MOVABLEKEYS,
      .acl = ACL_SET | ACL_SORTEDSET | ACL_LIST | ACL_DANGEROUS,
      .keys = { 1, 1, 1 },
      .key_specs = "RO access;RO access unknown unknown # Keys that BY and GET make of elements",
      .group = "generic",
      .since = "7.0.0",
      .cost = "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and "
              "M the number of returned elements. When the elements are not sorted, complexity "
              "is O(N).",
      .args = "key [BY=pattern:pattern1] [LIMIT={offset:integer count:integer}] "
              "[GET=pattern:pattern1++] [order:(ASC|DESC)] [sorting:'ALPHA']",
      .help = "Sorts the elements of a list, a set or a sorted set." },
    { 0 },
};
