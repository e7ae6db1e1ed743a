/* Arguments as a person writes them. */
#include "common/command_docs.h"

static void put_syntax(const struct doc_args *args, int index, struct buf *out);

/* What stands inside: a name, alternatives, or a row of arguments. */
static void put_value(const struct doc_args *args, int index, struct buf *out)
{
    const struct doc_arg *a = &args->args[index];
    const char *separator = a->type == DOC_ONEOF ? " | " : " ";

    if (a->child < 0)
        doc_arg_name(args, index, out);
    for (int i = a->child; i >= 0; i = args->args[i].next) {
        put_syntax(args, i, out);
        if (args->args[i].next >= 0)
            buf_puts(out, separator);
    }
}

static void put_token(const struct doc_arg *a, struct buf *out)
{
    buf_add(out, a->token.len ? a->token : BYTES("\"\""));
}

/* Once. Alternatives need brackets of their own where the optional one's are not there. */
static void put_once(const struct doc_args *args, int index, bool token, struct buf *out)
{
    const struct doc_arg *a = &args->args[index];
    bool brackets = a->type == DOC_ONEOF && (a->flags != DOC_OPTIONAL || a->has_token);

    if (a->has_token && token)
        put_token(a, out);
    if (a->type == DOC_PURE_TOKEN)
        return;
    if (a->has_token && token)
        buf_putc(out, ' ');
    if (brackets)
        buf_putc(out, '<');
    put_value(args, index, out);
    if (brackets)
        buf_putc(out, '>');
}

static void put_syntax(const struct doc_args *args, int index, struct buf *out)
{
    const struct doc_arg *a = &args->args[index];
    bool token_again = a->type == DOC_PURE_TOKEN || (a->flags & DOC_MULTIPLE_TOKEN);

    if (a->flags & DOC_OPTIONAL)
        buf_putc(out, '[');
    put_once(args, index, true, out);
    if (a->flags & DOC_MULTIPLE) {
        buf_puts(out, " [");
        put_once(args, index, token_again, out);
        buf_puts(out, " ...]");
    }
    if (a->flags & DOC_OPTIONAL)
        buf_putc(out, ']');
}

void doc_args_syntax(const struct doc_args *args, struct buf *out_text)
{
    for (int i = args->count ? 0 : -1; i >= 0; i = args->args[i].next) {
        put_syntax(args, i, out_text);
        if (args->args[i].next >= 0)
            buf_putc(out_text, ' ');
    }
}
