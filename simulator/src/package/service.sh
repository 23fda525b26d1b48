#!/bin/sh
### BEGIN INIT INFO
# Provides:          grpwise
# Required-Start:    $network $remote_fs
# Required-Stop:     $network $remote_fs
# Default-Start:     3 5
# Default-Stop:      0 1 6
# Short-Description: Agents of a simulated GroupWise
### END INIT INFO
# Control script of the simulated agents of a server, installed as /etc/init.d/grpwise.
#
#   grpwise start|stop|restart|status|print [POST_OFFICE.DOMAIN]
#
# The agents are the sections of gwha.conf; without a name all of them are meant.  Where uid.conf names a user, agents run
# as that user.  Exit codes are those of LSB init scripts: 0 done or running, 1 failed, 2 usage, 3 not running.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

config=/etc/opt/novell/groupwise/gwha.conf
uid_conf=/etc/opt/novell/groupwise/agents/uid.conf
share=/opt/novell/groupwise/agents/share
run=/run/novell-groupwise
seconds_max=30

usage() {
    echo "usage: grpwise start|stop|restart|status|print [POST_OFFICE.DOMAIN]" >&2
    exit 2
}

# Fractions of a second are no part of POSIX sleep, though most have them.
pause() {
    sleep 0.1 2>/dev/null || sleep 1
}

# The names of all sections.
names() {
    [ -r "$config" ] || return 0
    awk '{ sub(/\r$/, ""); gsub(/^[ \t]+|[ \t]+$/, "") } /^\[.+\]$/ { print substr($0, 2, length($0) - 2) }' "$config"
}

# The value of a key in the section of the agent; nothing where it is not there.
value() {
    awk -v want="$name" -v key="$1" '
        { sub(/\r$/, ""); gsub(/^[ \t]+|[ \t]+$/, "") }
        /^;/ { next }
        /^\[.+\]$/ { inside = tolower(substr($0, 2, length($0) - 2)) == tolower(want); next }
        inside && (at = index($0, "=")) {
            found = substr($0, 1, at - 1)
            text = substr($0, at + 1)
            sub(/[ \t]+$/, "", found)
            sub(/^[ \t]+/, "", text)
            if (tolower(found) == key) { print text; exit }
        }' "$config"
}

# The user that agents run as; nothing for root.
user() {
    [ -r "$uid_conf" ] || return 0
    sed -e 's/[[:space:]]*$//' -e 's/^[[:space:]]*//' -e '/^$/d' -e '/^[#;]/d' "$uid_conf" | head -n 1
}

# Sets what there is to know of one agent; fails where it is not registered.
look_up() {
    name=$1
    startup=
    [ -r "$config" ] && startup=$(value startup)
    if [ -z "$startup" ]; then
        echo "there is no section [$name] with a startup file in $config" >&2
        return 1
    fi
    case $startup in
        /*) ;;
        *) startup=$share/$startup ;;
    esac
    server=$(value server)
    own=$run/$name
    pid_file=$run/$name.pid
    ready_file=$own/ready
    output_file=$run/$name.out
}

# Whether the agent of the pid file lives.  A zombie does not, nor does another program that got its number.
is_running() {
    [ -r "$pid_file" ] || return 1
    read -r pid <"$pid_file" || return 1
    case $pid in '' | *[!0-9]*) return 1 ;; esac
    [ -r "/proc/$pid/cmdline" ] || return 1
    tr '\000' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -Fqx -- "@$startup"
}

say() {
    printf '%-40s%s\n' "$1 [$name]" "$2"
}

# One at a time: an administrator and the high-availability service may both start an agent.
locked() {
    mkdir -p -- "$run" || return 1
    (
        flock 9 || exit 1
        "$1"
    ) 9>"$run/$name.lock"
}

start_locked() {
    if is_running; then
        say "Starting" running
        return 0
    fi
    if [ ! -x "$server" ]; then
        echo "there is no program $server" >&2
        say "Starting" unused
        return 1
    fi
    as=$(user)
    rm -rf -- "$own"
    rm -f -- "$pid_file"
    mkdir -- "$own" || return 1
    if [ -n "$as" ]; then
        group=$(id -g -- "$as") || return 1
        chown -- "$as:$group" "$own" || return 1
        set -- setpriv "--reuid=$as" "--regid=$group" --init-groups -- "$server"
    else
        set -- "$server"
    fi
    nohup setsid "$@" "@$startup" --daemon-ready-file "$ready_file" \
        >"$output_file" 2>&1 </dev/null 9>&- &
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
            say "Starting" unused
            return 1
        fi
        if [ $(($(date +%s) - began)) -gt "$seconds_max" ]; then
            echo "the agent does not answer after $seconds_max seconds" >&2
            kill "$agent" 2>/dev/null
            rm -f -- "$pid_file"
            say "Starting" unused
            return 1
        fi
    done
    say "Starting" running
}

stop_locked() {
    if is_running; then
        kill "$pid" 2>/dev/null
        began=$(date +%s)
        while is_running; do
            if [ $(($(date +%s) - began)) -gt "$seconds_max" ]; then
                echo "the agent does not stop; its process is $pid" >&2
                say "Stopping" running
                return 1
            fi
            pause
        done
    fi
    rm -rf -- "$own"
    rm -f -- "$pid_file"
    say "Stopping" unused
}

start() { locked start_locked; }

stop() { locked stop_locked; }

restart() { stop && start; }

status() {
    if is_running; then
        say "Checking status" running
        return 0
    fi
    say "Checking status" unused
    return 3
}

print() {
    printf '[%s]\nserver = %s\nstartup = %s\n' "$name" "$server" "$startup"
}

[ $# -ge 1 ] && [ $# -le 2 ] || usage
verb=$1
case $verb in start | stop | restart | status | print) ;; *) usage ;; esac
if [ $# -eq 2 ]; then
    case $2 in */* | '' | .*) usage ;; esac
    look_up "$2" || exit 1
    "$verb"
    exit
fi
worst=0
found=
# Names have no blanks: those of post offices and domains cannot.
for name in $(names); do
    found=yes
    if look_up "$name"; then
        "$verb" || worst=$?
    else
        worst=1
    fi
done
if [ -z "$found" ] && [ "$verb" = status ]; then
    echo unused
    exit 3
fi
exit "$worst"
