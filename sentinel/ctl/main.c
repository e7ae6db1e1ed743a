/*
 * main - holdfastctl, what an operator types: finds the verb, checks its words, runs it.
 */
#include <stdio.h>

#include "sentinel/ctl/verbs.h"

static void print_help(FILE *to)
{
    fputs("usage: holdfastctl [options] VERB [GROUP]\n\nVerbs:\n\n", to);
    for (size_t i = 0; i < verb_count; i++) {
        char words[64];

        snprintf(words, sizeof words, "%s %s", verbs[i].name, verbs[i].args);
        fprintf(to, "  %-23s  %s\n", words, verbs[i].help);
    }
    fputs("\nOptions:\n\n", to);
    options_help(to);
    fputs("\nExit status:\n\n"
          "  0  done, or nothing wrong was found\n"
          "  1  refused or failed, or something wrong was found\n"
          "  2  the command line is wrong\n"
          "  3  the outcome is unknown\n"
          "  4  no sentinel was reached\n",
          to);
}

static bool words_fit(const struct verb *verb, const struct options *o)
{
    if (o->word_count > verb->words_max)
        fprintf(stderr, "holdfastctl: one word too many: '%s'\n", o->words[verb->words_max]);
    else if (o->word_count == 0 && verb->words_min > 0)
        fprintf(stderr,
                "holdfastctl: %s wants the name of a group; 'holdfastctl status' lists them\n",
                verb->name);
    else if (o->word_count < verb->words_min)
        fprintf(stderr, "holdfastctl: %s wants %s\n", verb->name, verb->args);
    else
        return true;
    return false;
}

static enum ctl_exit run(const struct options *o)
{
    const struct verb *verb = o->verb ? verb_find(o->verb) : NULL;

    if (!o->verb) {
        print_help(stderr);
        return CTL_USAGE;
    }
    if (!verb) {
        fprintf(stderr, "holdfastctl: no verb '%s'; holdfastctl --help lists them\n", o->verb);
        return CTL_USAGE;
    }
    return words_fit(verb, o) ? verb->run(o) : CTL_USAGE;
}

int main(int argc, char **argv)
{
    struct options o;
    struct errmsg why = { 0 };
    enum ctl_exit status = CTL_DONE;

    if (options_read(&o, argc, argv, &why) != OK) {
        fprintf(stderr, "holdfastctl: %s\n", why.text);
        status = CTL_USAGE;
    } else if (o.help) {
        print_help(stdout);
    } else if (o.version) {
        printf("holdfastctl %s\n", HF_VERSION);
    } else {
        status = run(&o);
    }
    options_fini(&o);
    return (int)status;
}
