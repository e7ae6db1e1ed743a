/*
 * main - holdfastctl, what an operator types: a table of verbs, each asking the sentinels.
 */
#include <stdio.h>
#include <string.h>

#include "sentinel/ctl/verbs.h"

enum wants { WANTS_NOTHING, MAY_HAVE_GROUP, WANTS_GROUP };

static const struct verb {
    const char *name, *args, *help;
    enum wants wants;
    verb_fn *run;
} verbs[] = {
    { "status", "[GROUP]", "every group: who leads, how many follow, would a failover work",
      MAY_HAVE_GROUP, verb_status },
    { "leader", "GROUP", "the leader's address, host:port", WANTS_GROUP, verb_leader },
    { "nodes", "GROUP", "leader and followers, with state and offsets", WANTS_GROUP, verb_nodes },
    { "failover", "GROUP", "hand leadership to a follower, and wait for the outcome", WANTS_GROUP,
      verb_failover },
    { "events", "--follow [GROUP]", "what a sentinel publishes, as it happens", MAY_HAVE_GROUP,
      verb_events },
};

static void print_help(FILE *to)
{
    fputs("usage: holdfastctl [options] VERB [GROUP]\n\n", to);
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        fprintf(to, "  %-8s %-17s %s\n", verbs[i].name, verbs[i].args, verbs[i].help);
    fputs("\n"
          "  -s, --sentinels LIST  host:port,host:port… of sentinels, asked in this order\n"
          "                        (else HOLDFASTCTL_SENTINELS, else 127.0.0.1:26379)\n"
          "  --json                for programs\n"
          "  --user NAME           as which user to authenticate\n"
          "  --auth-file FILE      the password is its first line (else HOLDFASTCTL_AUTH)\n"
          "  --timeout SECONDS     for one connection or one reply (2)\n"
          "  --wait SECONDS        for the outcome of a failover (60)\n"
          "  --tls                 with --cacert FILE, --cert FILE, --key FILE\n"
          "  -h, --help   -v, --version\n"
          "\n"
          "exit status: 0 done, 1 refused or failed, 2 usage, 3 outcome unknown, 4 no sentinel "
          "reached\n",
          to);
}

static const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
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
    if (verb->wants == WANTS_GROUP && !o->group) {
        fprintf(stderr,
                "holdfastctl: %s wants the name of a group; 'holdfastctl status' lists them\n",
                verb->name);
        return CTL_USAGE;
    }
    return verb->run(o);
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
