/*
 * shebang - the first line of a script or library: "#!lua name=mylib flags=no-writes,allow-oom".
 */
#ifndef HF_NODE_SCRIPT_SHEBANG_H
#define HF_NODE_SCRIPT_SHEBANG_H

#include "common/bytes.h"

enum { SHEBANG_WORDS_MAX = 64 };

struct shebang {
    struct bytes words[SHEBANG_WORDS_MAX];
    int count;
    struct buf storage; /* of the words */
    struct bytes
        rest; /* the text from the end of the line, which it keeps: lines are counted from there */
};

/* False: there is no such line, or its quotes do not close. */
bool shebang_read(struct bytes text, struct shebang *out);
void shebang_fini(struct shebang *s);

#endif
