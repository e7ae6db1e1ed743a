/* Arguments as a person writes them. */
#include "common/command_docs.h"

static void put_syntax(const struct doc_args *args, int index, struct buf *out);

static void put_bare(const struct doc_args *args, int index, struct buf *out)
{
    const struct doc_arg *a = &args->args[index];
    const char *separator = a->type == DOC_ONEOF ? " | " : " ";

    if (a->has_token) {
        buf_add(out, a->token.len ? a->token : BYTES("\"\""));
        buf_puts(out, a->type == DOC_PURE_TOKEN ? "" : " ");
    }
    if (a->type == DOC_PURE_TOKEN)
        return;
    if (a->child < 0) {
        doc_arg_name(args, index, out);
        return;
    }
    if (a->type == DOC_ONEOF)
        buf_putc(out, '<');
    for (int i = a->child; i >= 0; i = args->args[i].next) {
        put_syntax(args, i, out);
        if (args->args[i].next >= 0)
            buf_puts(out, separator);
    }
    if (a->type == DOC_ONEOF)
        buf_putc(out, '>');
}

static void put_syntax(const struct doc_args *args, int index, struct buf *out)
{
    uint32_t flags = args->args[index].flags;

    if (flags & DOC_OPTIONAL)
        buf_putc(out, '[');
    put_bare(args, index, out);
    if (flags & DOC_MULTIPLE) {
        buf_puts(out, " [");
        put_bare(args, index, out);
        buf_puts(out, " ...]");
    }
    if (flags & DOC_OPTIONAL)
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
