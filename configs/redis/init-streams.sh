#!/bin/sh
# Create the streams and consumer groups of Genesis with redis-cli alone; those that are there stay as they are.
#
#   configs/redis/init-streams.sh                              # 127.0.0.1:6379
#   configs/redis/init-streams.sh -u redis://:secret@host:6379/0
#   PREFIX='{genesis}' configs/redis/init-streams.sh -s /run/redis.sock
#
# All arguments go to redis-cli. PREFIX is the setting redis.prefix (default: genesis).
# `genesis init` does the same for the settings' own server, and knows your own subscriptions too.

set -eu

prefix=${PREFIX:-genesis}

fail() {
    echo "init-streams: $*" >&2
    exit 1
}

command -v redis-cli >/dev/null 2>&1 || fail "redis-cli is not installed (Debian: apt-get install redis-tools)"

create() {
    # From 0 and not from the end, so that a group gets what was published before it was made.
    answer=$(redis-cli --no-auth-warning "$@" XGROUP CREATE "$prefix:$stream" "$group" 0 MKSTREAM 2>&1 </dev/null | tr '\n' ' ')
    case $answer in
        "OK ") echo "$prefix:$stream $group: created" ;;
        *BUSYGROUP*) echo "$prefix:$stream $group: is there" ;;
        *) fail "group $group of $prefix:$stream can't be created: ${answer:-redis-cli said nothing}" ;;
    esac
}

while read -r stream groups; do
    for group in $groups; do
        create "$@"
    done
done <<END
frames frame-workers detection-workers
persons person-workers face-workers
faces face-storage-workers
zones zone-workers analytics-workers
alerts alert-workers notification-workers
metrics metrics-workers storage-workers
sessions session-workers storage-workers
END
