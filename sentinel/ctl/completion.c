/* completion: a script for bash, made from the tables of verbs and options. */
#include <stdio.h>

#include "sentinel/ctl/verbs.h"

enum ctl_exit verb_completion(const struct options *o)
{
    size_t at = 0;

    puts("# bash completion for holdfastctl: source <(holdfastctl completion)\n"
         "_holdfastctl()\n"
         "{\n"
         "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} word verb='' i");
    fputs("    local verbs='", stdout);
    for (size_t i = 0; i < verb_count; i++)
        printf("%s%s", i ? " " : "", verbs[i].name);
    fputs("' options='", stdout);
    for (const char *name = options_next(&at); name; name = options_next(&at))
        printf("%s--%s", at > 1 ? " " : "", name);
    puts("'\n"
         "    case $prev in\n"
         "    --auth-file | --node-auth-file | --cacert | --cert | --key)\n"
         "        compopt -o filenames 2>/dev/null # bash quotes them, and ends folders with a "
         "slash\n"
         "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
         "        return\n"
         "        ;;\n"
         "    esac\n"
         "    if [[ $cur == -* ]]; then\n"
         "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
         "        return\n"
         "    fi\n"
         "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "        word=${COMP_WORDS[i]}\n"
         "        [[ \" $verbs \" != *\" $word \"* ]] || verb=$word\n"
         "    done\n"
         "    if [[ -z $verb ]]; then\n"
         "        mapfile -t COMPREPLY < <(compgen -W \"$verbs\" -- \"$cur\")\n"
         "    elif [[ $prev == \"$verb\" ]]; then\n"
         "        # The groups that the sentinels of the environment know. Others named them, and\n"
         "        # compgen -W would run what stands in a name.\n"
         "        while IFS= read -r word; do\n"
         "            printf -v quoted %q \"$word\"\n"
         "            [[ $word == \"$cur\"* || $quoted == \"$cur\"* ]] &&\n"
         "                COMPREPLY+=(\"$quoted\")\n"
         "        done < <(holdfastctl --timeout 1 status 2>/dev/null | awk '!NF {exit} NR > 1 "
         "{print $1}')\n"
         "    fi\n"
         "}\n"
         "complete -F _holdfastctl holdfastctl");
    return CTL_DONE;
}
