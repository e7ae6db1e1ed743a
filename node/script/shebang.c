#include "node/script/shebang.h"

#include <string.h>

#include "common/settings.h"

bool shebang_read(struct bytes text, struct shebang *out)
{
    const char *end = memchr(text.at, '\n', text.len);
    struct bytes line;

    *out = (struct shebang){ 0 };
    if (!end)
        return false;
    line = (struct bytes){ text.at, (size_t)(end - text.at) };
    out->rest = (struct bytes){ end, text.len - line.len };
    if (settings_split(line, &out->storage, out->words, SHEBANG_WORDS_MAX, &out->count) == OK &&
        out->count > 0)
        return true;
    shebang_fini(out);
    return false;
}

void shebang_fini(struct shebang *s)
{
    buf_fini(&s->storage);
    s->count = 0;
}
