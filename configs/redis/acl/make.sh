#!/bin/sh
# Give every role a user of its own on both Redis servers: write their access lists with fresh passwords, and who they are for.
#
#   configs/redis/acl/make.sh /etc/genesis/redis
#   PREFIX='{genesis}' LEDGER=rediss://ledger.example:6379/0?ssl_ca_certs=/etc/genesis/ca.pem \
#       CACHE=rediss://cache.example:6379/0?ssl_ca_certs=/etc/genesis/ca.pem configs/redis/acl/make.sh /etc/genesis/redis
#
# It writes, for this user's eyes alone (mode 0600):
#   ledger.acl, cache.acl   for `aclfile` in the servers' redis.conf; they hold SHA-256 hashes of the passwords
#   ROLE.env                the URLs with the passwords, as GENESIS_... variables, for the machines where that role runs
#   admin.env               the URLs of the one user who may do everything
#
# REDIS=6.2 writes lists for servers before Redis 7, which have no parentheses: what stands in them is granted for all keys of the user.
#
# PREFIX is the setting redis.prefix (default: genesis). LEDGER and CACHE are the servers' URLs without a user (redis://, rediss:// or
# unix://); BROKER is where Celery's queues are (default: database 1 of CACHE). What is there already is not written again: to change
# the passwords, write to a new folder, give the servers the new files (ACL LOAD), and start the programs again with theirs.

set -eu
umask 077

fail() {
    echo "make.sh: $*" >&2
    exit 1
}

[ $# -eq 1 ] || fail "name the folder to write to, and nothing else (see the head of this file)"
command -v openssl >/dev/null 2>&1 || fail "openssl is not installed, which makes the passwords (Debian: apt-get install openssl)"

here=$(dirname "$0")
out=$1
prefix=${PREFIX:-genesis}
redis=${REDIS:-7}
ledger=${LEDGER:-redis://127.0.0.1:6379/0}
cache=${CACHE:-redis://127.0.0.1:6380/0}

case $prefix in
    *[!A-Za-z0-9_.{}-]* | "") fail "PREFIX '$prefix': letters, digits, and _ . - { } as in redis.prefix" ;;
esac

case $redis in
    6.2* | [7-9] | [7-9].*) ;;
    *) fail "REDIS '$redis': 6.2, or 7 (the default) and newer" ;;
esac

# The broker is another database of the cache's server, spelt as Celery spells it.
broker_of() {
    url=${1%%\?*}
    options=${1#"$url"}
    case $url in
        unix://*) echo "redis+socket://${url#unix://}?virtual_host=1" ;;
        *://*/*) echo "${url%/*}/1$options" ;;
        *) echo "$url/1$options" ;;
    esac
}
broker=${BROKER:-$(broker_of "$cache")}

for url in "$ledger" "$cache" "$broker"; do
    case $url in
        *@*) fail "$url: a URL without user and password is wanted: they are made here" ;;
        redis://?* | rediss://?* | unix://?* | redis+socket://?*) ;;
        *) fail "$url: redis://, rediss:// or unix:// is wanted" ;;
    esac
done

# Celery's channels have the number of its database in their names.
case $broker in
    *virtual_host=*) db=${broker##*virtual_host=} ;;
    *) db=${broker%%\?*} db=${db##*/} ;;
esac
case $db in
    "" | *[!0-9]*) db=0 ;;
esac

mkdir -p "$out"
for name in ledger.acl cache.acl; do
    [ ! -e "$out/$name" ] || fail "$out/$name is there already: its passwords are in use; name another folder"
done

# Writes an access list, and leaves the passwords in a file of their own for the URLs.
list() {
    : >"$out/$1.acl"
    : >"$out/.$1.passwords"
    while read -r line; do
        rest=${line#user }
        role=${rest%% *}
        if [ "$role" != default ]; then
            password=$(openssl rand -hex 32)
            hash=$(printf %s "$password" | openssl dgst -sha256 -r)
            line="user $role on #${hash%% *} ${rest#*resetpass }"
            echo "$role $password" >>"$out/.$1.passwords"
        fi
        # To older servers, new client libraries say what these do not know, and it would fill their log of what was refused.
        case $redis in 6*) line=$(echo "$line" | tr -d '()' | sed 's/+client|setname/& +client|setinfo +client|maint_notifications/') ;; esac
        # Every key of ours, and every channel, begins with the prefix and a colon.
        echo "$line" | sed "s/\([~&]\)genesis:/\1$prefix:/g; s/:celery:\/1\./:celery:\/$db./g" >>"$out/$1.acl"
    done <"$here/$1.acl"
}

# Writes one variable of one role.
give() {
    role=$1 variable=$2 server=$3 url=$4
    password=$(sed -n "s/^$role //p" "$out/.$server.passwords")
    [ -n "$password" ] || return 0
    value="${url%%://*}://$role:$password@${url#*://}"
    case $value in
        *\&*) value="'$value'" ;; # a shell that reads the file would cut it off there
    esac
    echo "$variable=$value" >>"$out/$role.env"
}

trap 'rm -f "$out/.ledger.passwords" "$out/.cache.passwords"' EXIT
list ledger
list cache
for role in $(cut -d ' ' -f 1 "$out/.ledger.passwords" "$out/.cache.passwords" | sort -u); do
    : >"$out/$role.env"
    give "$role" GENESIS_REDIS__URL ledger "$ledger"
    case $role in flower) ;; *) give "$role" GENESIS_FRAME_CACHE__URL cache "$cache" ;; esac
    case $role in capture) ;; *) give "$role" GENESIS_CELERY__BROKER_URL cache "$broker" ;; esac
    echo "$out/$role.env"
done
[ "$prefix" = genesis ] || echo "make.sh: the programs need GENESIS_REDIS__PREFIX='$prefix', too" >&2
