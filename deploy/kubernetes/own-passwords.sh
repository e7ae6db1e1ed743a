#!/bin/sh
# What anybody can read in the example protects nothing: neither a node nor a sentinel starts with it.
if grep -q change-me "${SECRETS_DIR:-/secrets}"/*; then
    echo "the secret still has the example's passwords: make one of random ones" >&2
    exit 1
fi
