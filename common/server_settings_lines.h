/*
 * server_settings_lines - the shared directives that have a grammar of their own: what their rows call
 * to read words, answer CONFIG GET and write their lines. Included by server_settings.c alone.
 */
#ifndef HF_COMMON_SERVER_SETTINGS_LINES_H
#define HF_COMMON_SERVER_SETTINGS_LINES_H

#include "common/server_settings.h"

void bind_fini(void *values);
enum err bind_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why);
void bind_get(void *values, struct buf *out);
void bind_lines(void *values, struct buf *out);
void http_bind_fini(void *values);
enum err http_bind_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why);
void http_bind_get(void *values, struct buf *out);
void http_bind_lines(void *values, struct buf *out);
enum err proxies_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why);
void proxies_get(void *values, struct buf *out);
void proxies_lines(void *values, struct buf *out);
enum err output_limit_line(void *values, int argc, const struct bytes *argv,
                           struct errmsg *out_why);
void output_limit_get(void *values, struct buf *out);
void output_limit_lines(void *values, struct buf *out);
enum err dir_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why);
void dir_get(void *values, struct buf *out);
void dir_lines(void *values, struct buf *out);
enum err oom_values_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why);
void oom_values_get(void *values, struct buf *out);
void oom_values_lines(void *values, struct buf *out);
void percentiles_clear(void *values);
enum err percentiles_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why);
void percentiles_get(void *values, struct buf *out);
void percentiles_lines(void *values, struct buf *out);
enum err user_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why);
void user_lines(void *values, struct buf *out);
void user_fini(void *values);
void rename_fini(void *values);
enum err rename_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why);

#endif
