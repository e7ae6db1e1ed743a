#!/bin/sh
# Makes the configuration of one node at its start, before it: the common part, the passwords, its own name, and whom it follows.
#
# Whom? The sentinels know. Where none answers, as at the very first start: the leader that this node knew last, or else the first
# of the set leads and the others follow it. What the node was told at run time (CONFIG SET) does not outlive the pod; what is to
# stay belongs into node.conf.
set -eu

# POD_NAME, SERVICE, GROUP, SENTINELS and HOLDFASTCTL_AUTH are in the environment; the folders are mounted.
config=${CONFIG_DIR:-/config} secrets=${SECRETS_DIR:-/secrets} data=${DATA_DIR:-/data}
me=$POD_NAME.$SERVICE
first=${POD_NAME%-*}-0.$SERVICE

sh "$config/own-passwords.sh"

follow() {
    leader=$(holdfastctl -s "$SENTINELS" leader "$GROUP" 2>/dev/null || true)
    if [ -n "$leader" ]; then
        [ "$leader" = "$me:6379" ] || echo "replicaof ${leader%:*} ${leader##*:}"
    elif [ -e "$data/node.conf" ]; then
        grep '^replicaof ' "$data/node.conf" || true
    elif [ "$me" != "$first" ]; then
        echo "replicaof $first 6379"
    fi
}

follows=$(follow)
umask 077
{
    cat "$config/node.conf"
    echo
    cat "$secrets/node.conf"
    echo
    echo "replica-announce-ip $me"
    [ -z "$follows" ] || echo "$follows"
} >"$data/node.conf.new"
mv "$data/node.conf.new" "$data/node.conf"
