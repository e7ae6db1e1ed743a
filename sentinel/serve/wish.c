#include "sentinel/serve/wish.h"

#include <string.h>

#include <cjson/cJSON.h>

static enum err read_flag(const cJSON *value, bool *out, struct errmsg *why)
{
    if (!cJSON_IsBool(value)) {
        errmsg_set(why, "dry_run and force are true or false");
        return ERR_SYNTAX;
    }
    *out = cJSON_IsTrue(value);
    return OK;
}

/* {"host", "port"}; null is nobody in particular. */
static enum err read_to(const cJSON *value, struct addr *out, struct errmsg *why)
{
    const cJSON *host = cJSON_GetObjectItemCaseSensitive(value, "host");
    const cJSON *port = cJSON_GetObjectItemCaseSensitive(value, "port");

    if (cJSON_IsNull(value))
        return OK;
    if (!cJSON_IsObject(value) || !cJSON_IsString(host) || !cJSON_IsNumber(port) ||
        cJSON_GetArraySize(value) != 2) {
        errmsg_set(why, "to is an object of host and port");
        return ERR_SYNTAX;
    }
    if (!(port->valuedouble >= 1 && port->valuedouble <= 65535) ||
        port->valuedouble != (double)port->valueint ||
        !addr_set(out, bytes_of(host->valuestring), port->valueint)) {
        errmsg_set(why, "to names no address");
        return ERR_RANGE;
    }
    return OK;
}

static enum err read_member(const cJSON *member, struct wish *out, struct errmsg *why)
{
    if (strcmp(member->string, "to") == 0)
        return read_to(member, &out->to, why);
    if (strcmp(member->string, "dry_run") == 0)
        return read_flag(member, &out->dry_run, why);
    if (strcmp(member->string, "force") == 0)
        return read_flag(member, &out->force, why);
    errmsg_set(why, "a switchover has to, dry_run and force, and nothing else");
    return ERR_SYNTAX;
}

static enum err read_members(const cJSON *root, struct wish *out, struct errmsg *why)
{
    const cJSON *member;
    enum err e = OK;

    cJSON_ArrayForEach(member, root)
    {
        const cJSON *first = cJSON_GetObjectItemCaseSensitive(root, member->string);

        if (first != member) {
            errmsg_set(why, "a member is there twice");
            return ERR_SYNTAX;
        }
        e = read_member(member, out, why);
        if (e != OK)
            break;
    }
    return e;
}

enum err wish_read(struct bytes body, struct wish *out, struct errmsg *out_why)
{
    struct wish wish = { .dry_run = false };
    const char *end = NULL;
    cJSON *root;
    enum err e;

    if (body.len > WISH_BYTES_MAX) {
        errmsg_set(out_why, "a switchover's body has at most %d bytes", WISH_BYTES_MAX);
        return ERR_LIMIT;
    }
    if (body.len == 0) {
        *out = wish;
        return OK;
    }
    root = cJSON_ParseWithLengthOpts(body.at, body.len, &end, false);
    while (root && end < body.at + body.len && strchr(" \t\r\n", *end) && *end)
        end++;
    if (!cJSON_IsObject(root) || end != body.at + body.len) {
        errmsg_set(out_why, "the body is no JSON object");
        e = ERR_SYNTAX;
    } else {
        e = read_members(root, &wish, out_why);
    }
    cJSON_Delete(root);
    if (e == OK)
        *out = wish;
    return e;
}

static bool is_version(struct bytes tag, const char *version)
{
    size_t len = strlen(version);

    return tag.len == len + 2 && tag.at[0] == '"' && tag.at[tag.len - 1] == '"' &&
           memcmp(tag.at + 1, version, len) == 0;
}

bool wish_matches(struct bytes if_match, const char *version)
{
    while (if_match.len) {
        const char *comma = memchr(if_match.at, ',', if_match.len);
        struct bytes tag = { if_match.at, comma ? (size_t)(comma - if_match.at) : if_match.len };
        size_t taken = tag.len + (comma != NULL);

        while (tag.len && (tag.at[0] == ' ' || tag.at[0] == '\t'))
            tag = (struct bytes){ tag.at + 1, tag.len - 1 };
        while (tag.len && (tag.at[tag.len - 1] == ' ' || tag.at[tag.len - 1] == '\t'))
            tag.len--;
        if (bytes_is(tag, "*") || is_version(tag, version))
            return true;
        if_match = (struct bytes){ if_match.at + taken, if_match.len - taken };
    }
    return false;
}
