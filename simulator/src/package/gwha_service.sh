#!/bin/sh
### BEGIN INIT INFO
# Provides:          gwha
# Required-Start:    $network $remote_fs
# Required-Stop:     $network $remote_fs
# Default-Start:     3 5
# Default-Stop:      0 1 6
# Short-Description: High availability for the agents of a simulated GroupWise
### END INIT INFO
#   gwha start|stop|status
# Exit codes are those of LSB init scripts: 0 done or running, 1 failed, 2 usage, 3 not running.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

program=/opt/novell/groupwise/agents/bin/gwha
run=/run/novell-groupwise
pid_file=$run/gwha.daemon.pid
# An agent that it is just starting is waited for.
seconds_max=60

is_running() {
    [ -r "$pid_file" ] || return 1
    read -r pid <"$pid_file" || return 1
    case $pid in '' | *[!0-9]*) return 1 ;; esac
    [ -r "/proc/$pid/cmdline" ] || return 1
    tr '\000' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -Fqx -- "$program"
}

start() {
    if ! is_running; then
        mkdir -p -- "$run" || return 1
        nohup setsid "$program" >/dev/null 2>&1 </dev/null &
        echo "$!" >"$pid_file"
    fi
    echo "gwha running"
}

stop() {
    if is_running; then
        kill "$pid" 2>/dev/null
        began=$(date +%s)
        while is_running; do
            if [ $(($(date +%s) - began)) -gt "$seconds_max" ]; then
                echo "gwha does not stop; its process is $pid" >&2
                return 1
            fi
            sleep 0.1 2>/dev/null || sleep 1
        done
    fi
    rm -f -- "$pid_file"
    echo "gwha unused"
}

status() {
    if is_running; then
        echo "gwha running"
        return 0
    fi
    echo "gwha unused"
    return 3
}

case ${1-} in
    start | stop | status) "$1" ;;
    *)
        echo "usage: gwha start|stop|status" >&2
        exit 2
        ;;
esac
