#!/bin/sh
# The high-availability service of the simulated agents: starts every registered agent that does not run.
#
# It takes no notice of why an agent does not run; so it must be stopped before an agent is to stay stopped.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

control=/etc/init.d/grpwise
log=/var/log/novell/groupwise/gwha.log
interval_seconds=2

say() {
    echo "$(date '+%Y-%m-%d %H:%M:%S') $*" >>"$log"
}

# Heard between two commands: what is being started is not left half started.
trap 'say "stopped"; exit 0' TERM INT

say "started"
while :; do
    for name in $("$control" print 2>/dev/null | sed -n 's/^\[\(.*\)\]$/\1/p'); do
        if ! "$control" status "$name" >/dev/null 2>&1; then
            say "$name does not run, starting it"
            if said=$("$control" start "$name" 2>&1); then
                say "$name runs again"
            else
                say "$name does not start: $(echo "$said" | tr '\n' ' ')"
            fi
        fi
    done
    sleep "$interval_seconds"
done
