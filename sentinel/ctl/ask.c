/* What all verbs share. */
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "sentinel/ctl/table.h"
#include "sentinel/ctl/verbs.h"

enum ctl_exit verb_complain(enum err e, const struct errmsg *why)
{
    print_line(stderr, "holdfastctl: %s", why->text);
    return trouble_is_silence(e) ? CTL_UNREACHABLE : CTL_FAILED;
}

bool verb_read_address(struct target *out, const char *text)
{
    if (target_read(out, bytes_of(text), 6379) == OK)
        return true;
    fprintf(stderr, "holdfastctl: '%s' is no address: want host:port\n", text);
    return false;
}

void verb_print(const struct options *o, cJSON *value, void (*show)(const cJSON *))
{
    if (o->json) {
        char *text = cJSON_Print(value);

        puts(text);
        cJSON_free(text);
    } else {
        show(value);
    }
    cJSON_Delete(value);
    fflush(stdout);
}

enum err ask_leader(struct wire *w, const char *group, char *address, size_t cap,
                    struct errmsg *out_why)
{
    const struct resp_value *reply, *host, *port;
    enum err e = WIRE_CALL(w, &reply, out_why, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", group);
    bool v6;

    if (e != OK)
        return e;
    if (reply->kind == RESP_ERROR) {
        errmsg_set(out_why, "%s: %.*s", w->target->address, (int)reply->text.len, reply->text.at);
        return ERR_REFUSED;
    }
    host = resp_item(reply, 0);
    port = resp_item(reply, 1);
    if (!host || !port) {
        errmsg_set(out_why, "%s watches no group named '%s'", w->target->address, group);
        return ERR_NOTFOUND;
    }
    v6 = host->text.len && memchr(host->text.at, ':', host->text.len);
    snprintf(address, cap, v6 ? "[%.*s]:%.*s" : "%.*s:%.*s", (int)host->text.len, host->text.at,
             (int)port->text.len, port->text.at);
    return OK;
}

void json_put(cJSON *object, const char *name, struct bytes text)
{
    char *clean = printable(text);

    cJSON_AddStringToObject(object, name, clean);
    xfree(clean);
}

const char *json_text(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

    return text ? text : "";
}

double json_number(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}
