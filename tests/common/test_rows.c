/* Every row that both daemons serve, held to what tests/rows_check.h asks of rows. */
#include "tests/check_main.h"
#include "tests/rows_check.h"
#include "common/serve/service.h"

START_TEST(rows_are_whole)
{
    static const struct command *const tables[] = {
        serve_connection_rows, serve_database_rows, serve_client_rows,  serve_pubsub_rows,
        serve_channel_rows,    serve_acl_rows,      serve_command_rows,
    };

    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        ck_assert_int_gt(rows_check(tables[i], NULL), 0);
}
END_TEST

CHECK_MAIN("rows", rows_are_whole)
