#!/usr/bin/env bash
# Writes with redis-cli alone, as an operator's script would: ask a sentinel, write, ask again when that
# failed. See README.md.
set -u
IFS=, read -r -a sentinels <<<"$1"
name=$2 prefix=$3
tls=()
[ -z "${TLS_CA:-}" ] || tls=(--tls --cacert "$TLS_CA" --cert "$TLS_CERT" --key "$TLS_KEY")

leader() {
    local sentinel answer lines
    for sentinel in "${sentinels[@]}"; do
        answer=$(timeout 1 redis-cli "${tls[@]}" -h "${sentinel%:*}" -p "${sentinel##*:}" --raw \
            sentinel get-master-addr-by-name "$name" 2>/dev/null) || continue
        mapfile -t lines <<<"$answer"
        [ ${#lines[@]} -eq 2 ] || continue
        host=${lines[0]} port=${lines[1]}
        return 0
    done
    return 1
}

number=0 host='' port=''
while :; do
    if [ -z "$port" ] && ! leader; then
        sleep 0.01
        continue
    fi
    if answer=$(timeout 1 redis-cli "${tls[@]}" -e -h "$host" -p "$port" set "$prefix:$number" $number 2>&1) &&
        [ "$answer" = OK ]; then
        echo "ack $number"
    else
        echo "err $answer"
        port=''
    fi
    number=$((number + 1))
    sleep 0.01
done
