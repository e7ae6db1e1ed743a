/* check: a survey of a group, the rules over it, and what they found, the worst first. */
#include "sentinel/ctl/check.h"

#include <stdio.h>
#include <string.h>

#include "sentinel/ctl/table.h"
#include "sentinel/ctl/verbs.h"

static int count_of(const cJSON *findings, const char *severity)
{
    const cJSON *f;
    int count = 0;

    cJSON_ArrayForEach(f, findings) count += strcmp(json_text(f, "severity"), severity) == 0;
    return count;
}

static enum err check_group(const struct options *o, const char *group, cJSON **out,
                            struct errmsg *why)
{
    cJSON *survey, *value;
    struct checking c = { .options = o, .group = group };
    enum err e = survey_group(o, group, &survey, why);

    if (e != OK)
        return e;
    value = cJSON_CreateObject();
    json_put(value, "group", bytes_of(group));
    c.sentinels = cJSON_GetObjectItemCaseSensitive(survey, "sentinels");
    c.nodes = cJSON_GetObjectItemCaseSensitive(survey, "nodes");
    cJSON_AddNumberToObject(value, "sentinels", cJSON_GetArraySize(c.sentinels));
    cJSON_AddNumberToObject(value, "nodes", cJSON_GetArraySize(c.nodes));
    c.findings = cJSON_AddArrayToObject(value, "findings");
    for (size_t i = 0; i < check_rule_count; i++) {
        c.rule = check_rules[i].name;
        check_rules[i].look(&c);
    }
    cJSON_Delete(survey);
    *out = value;
    return OK;
}

static void show_severity(const cJSON *findings, const char *severity)
{
    const cJSON *f;

    cJSON_ArrayForEach(f, findings)
    {
        if (strcmp(json_text(f, "severity"), severity) != 0)
            continue;
        print_line(stdout, "%-8s %s: %s", severity, json_text(f, "rule"), json_text(f, "what"));
        print_line(stdout, "         -> %s", json_text(f, "do"));
    }
}

static void show(const cJSON *value)
{
    const cJSON *group;

    cJSON_ArrayForEach(group, cJSON_GetObjectItemCaseSensitive(value, "groups"))
    {
        const cJSON *findings = cJSON_GetObjectItemCaseSensitive(group, "findings");
        int errors = count_of(findings, "error"), warnings = count_of(findings, "warning");

        show_severity(findings, "error");
        show_severity(findings, "warning");
        show_severity(findings, "note");
        printf("%s: %.0f sentinels and %.0f nodes looked at, ", json_text(group, "group"),
               json_number(group, "sentinels"), json_number(group, "nodes"));
        if (errors || warnings)
            printf("%d error%s, %d warning%s\n", errors, errors == 1 ? "" : "s", warnings,
                   warnings == 1 ? "" : "s");
        else
            printf("nothing is wrong\n");
    }
}

static enum err add_group(const struct options *o, cJSON *groups, const char *name, int *wrong,
                          struct errmsg *why)
{
    cJSON *group, *findings;
    enum err e = check_group(o, name, &group, why);

    if (e != OK)
        return e;
    findings = cJSON_GetObjectItemCaseSensitive(group, "findings");
    *wrong += count_of(findings, "error") + count_of(findings, "warning");
    cJSON_AddItemToArray(groups, group);
    return OK;
}

enum ctl_exit verb_check(const struct options *o)
{
    struct errmsg why = { 0 };
    cJSON *value = cJSON_CreateObject(), *groups = cJSON_AddArrayToObject(value, "groups");
    cJSON *names = cJSON_CreateArray();
    const cJSON *name;
    int wrong = 0;
    enum err e = OK;

    if (o->group)
        cJSON_AddItemToArray(names, cJSON_CreateString(o->group));
    else
        e = survey_groups(o, names, &why);
    cJSON_ArrayForEach(name, names) if (e == OK) e =
        add_group(o, groups, name->valuestring, &wrong, &why);
    cJSON_Delete(names);
    if (e != OK) {
        cJSON_Delete(value);
        return verb_complain(e, &why);
    }
    verb_print(o, value, show);
    return wrong ? CTL_FAILED : CTL_DONE;
}
