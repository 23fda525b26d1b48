#!/bin/sh
# Control script of the simulated Post Office Agent.
#
#   grpwise start|stop|status [STARTUP_FILE]
#
# STARTUP_FILE is a path, or a name in ../share; without it, every *.poa in ../share is meant.  Where ../uid.conf names a
# user, agents run as that user.
# Exit codes are those of LSB init scripts: 0 done or running, 1 failed, 2 usage, 3 not running.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
share=${here%/*}/share
run=${here%/*}/run
uid_conf=${here%/*}/uid.conf
seconds_max=30

usage() {
    echo "usage: grpwise start|stop|status [STARTUP_FILE]" >&2
    exit 2
}

# Fractions of a second are no part of POSIX sleep, though most have them.
pause() {
    sleep 0.1 2>/dev/null || sleep 1
}

# The user that agents run as; nothing for the one who starts them.
user() {
    [ -r "$uid_conf" ] || return 0
    sed -e 's/[[:space:]]*$//' -e 's/^[[:space:]]*//' -e '/^$/d' -e '/^[#;]/d' "$uid_conf" | head -n 1
}

# Sets startup, pid_file, ready_file and output_file for one startup file.
name_files() {
    case $1 in
        */*) startup=$1 ;;
        *.poa) startup=$share/$1 ;;
        *) startup=$share/$1.poa ;;
    esac
    case $startup in
        /*) ;;
        *) startup=$PWD/$startup ;;
    esac
    name=$(basename -- "$startup" .poa)
    pid_file=$run/$name.pid
    ready_file=$run/$name.d/ready
    output_file=$run/$name.out
}

# Whether the agent of the pid file lives.  A zombie does not, nor does another program that got its number.
is_running() {
    [ -r "$pid_file" ] || return 1
    read -r pid <"$pid_file" || return 1
    case $pid in '' | *[!0-9]*) return 1 ;; esac
    kill -0 "$pid" 2>/dev/null || return 1
    if [ -r "/proc/$pid/cmdline" ]; then
        tr '\000' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -Fqx -- "@$startup"
    fi
}

start() {
    if is_running; then
        echo running
        return 0
    fi
    mkdir -p -- "$run" || return 1
    rm -rf -- "${ready_file%/*}"
    rm -f -- "$pid_file"
    mkdir -- "${ready_file%/*}" || return 1
    set -- "$here/gwpoa"
    as=$(user)
    if [ -n "$as" ]; then
        group=$(id -g -- "$as") && chown -- "$as:$group" "${ready_file%/*}" || return 1
        set -- setpriv "--reuid=$as" "--regid=$group" --init-groups -- "$@"
    fi
    command -v setsid >/dev/null 2>&1 && set -- setsid "$@"
    nohup "$@" "@$startup" --daemon-ready-file "$ready_file" \
        >"$output_file" 2>&1 </dev/null &
    agent=$!
    echo "$agent" >"$pid_file"
    began=$(date +%s)
    while [ ! -e "$ready_file" ]; do
        pause
        if [ -e "$ready_file" ]; then
            break
        fi
        if ! kill -0 "$agent" 2>/dev/null; then
            cat -- "$output_file" >&2
            rm -f -- "$pid_file"
            echo unused
            return 1
        fi
        if [ $(($(date +%s) - began)) -gt "$seconds_max" ]; then
            echo "the agent does not answer after $seconds_max seconds" >&2
            kill "$agent" 2>/dev/null
            rm -f -- "$pid_file"
            echo unused
            return 1
        fi
    done
    echo running
}

stop() {
    if is_running; then
        kill "$pid" 2>/dev/null
        began=$(date +%s)
        while is_running; do
            if [ $(($(date +%s) - began)) -gt "$seconds_max" ]; then
                echo "the agent does not stop; its process is $pid" >&2
                echo running
                return 1
            fi
            pause
        done
    fi
    rm -rf -- "${ready_file%/*}"
    rm -f -- "$pid_file"
    echo unused
}

status() {
    if is_running; then
        echo running
        return 0
    fi
    echo unused
    return 3
}

[ $# -ge 1 ] && [ $# -le 2 ] || usage
verb=$1
case $verb in start | stop | status) ;; *) usage ;; esac
if [ $# -eq 2 ]; then
    name_files "$2"
    "$verb"
    exit
fi
worst=0
found=
for file in "$share"/*.poa; do
    [ -e "$file" ] || continue
    found=yes
    name_files "$file"
    "$verb" || worst=$?
done
if [ -z "$found" ]; then
    echo unused
    [ "$verb" = stop ] && exit 0
    [ "$verb" = status ] && exit 3
    echo "no startup file in $share" >&2
    exit 1
fi
exit "$worst"
