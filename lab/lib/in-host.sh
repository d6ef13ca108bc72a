#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# in-host.sh LAB HOSTDIR VERB ... - what is done to services inside a lab host, whatever its kind.
#   start SERVICE [NAME=VALUE]...  start it, with these in its environment, and wait until it answers;
#                            "running" on stdout when it already ran
#   signal SERVICE SIG [ID]  KILL waits until it is gone; ID: of one guest, for qemu
#   report                   boot id, services and guests, one line each
# A service is known by its PID and start time in /run/nova-lite-lab/SERVICE, which does not outlive the boot.
set -u
LIB=${BASH_SOURCE[0]%/*} LAB=$1 DIR=$2
shift 2
. "$LAB/lab.conf"
. "$DIR/host.conf"
. "$LIB/storage-$LAB_SHARED.sh"
. "$LIB/services.sh"

fail() { echo "$HOST: $*" >&2; exit 1; }

# Sets STATE to running, paused or dead and PID.
look() {
	local start stat
	STATE=dead PID=
	read -r PID start 2>/dev/null <"/run/nova-lite-lab/$1" || return 0
	if ! read -r stat 2>/dev/null <"/proc/$PID/stat"; then PID=; return; fi
	stat=${stat##*) }
	# shellcheck disable=SC2086
	set -- $stat
	case ${20}/$1 in
	"$start"/[ZX]) PID= ;;
	"$start"/[Tt]) STATE=paused ;;
	"$start"/*) STATE=running ;;
	*) PID= ;;
	esac
}

# launch SERVICE USER LOG COMMAND... - in a session of its own, known by its pid from the first moment,
# without files that the caller happened to have open
launch() {
	local service=$1 user=$2
	LOG=$3 LOG_START=$(stat -c %s "$3" 2>/dev/null || echo 0)
	shift 3
	[ ${#ENVIRONMENT[@]} = 0 ] || set -- env "${ENVIRONMENT[@]}" "$@"
	[ "$user" = root ] || set -- setpriv --reuid "$user" --regid "$user" --init-groups -- "$@"
	cd / && setsid -f /bin/bash -c '
		for fd in /proc/$$/fd/*; do fd=${fd##*/}; [ $fd -le 2 ] || [ $fd = 255 ] || eval "exec $fd>&-"; done
		read -r stat </proc/$$/stat; rest=(${stat##*) })
		echo "$$ ${rest[19]}" >"$0.new" && mv "$0.new" "$0" && exec "$@"' \
		"/run/nova-lite-lab/$service" "$@" </dev/null >>"$LOG" 2>&1
}

# What it has logged since it was launched.
log_since_launch() { tail -c "+$((LOG_START + 1))" "$LOG"; }

# await SERVICE LIMIT - wait until it answers, it dies, or its time is over.
await() {
	local service=$1 deadline=$((SECONDS + $2))
	while [ ! -e "/run/nova-lite-lab/$service" ]; do sleep 0.01; done
	while :; do
		look "$service"
		[ "$STATE" != dead ] || fail "$service ended at its start; the end of $LOG:
$(log_since_launch | tail -n 8)"
		"ready_$service" && return
		((SECONDS < deadline)) || fail "$service does not answer $2 s after its start; the end of $LOG:
$(log_since_launch | tail -n 8)"
		sleep 0.03
	done
}

# A User-mode Linux host keeps what it once read of a file that was changed outside.
read_anew() { [ "$HOST_KIND" != uml ] || echo 3 >/proc/sys/vm/drop_caches; }

start() {
	local service=$1
	shift
	ENVIRONMENT=("$@")
	look "$service"
	case $STATE in
	running) echo running; return ;;
	paused) fail "$service is paused (PID $PID); resume it instead" ;;
	esac
	rm -f "/run/nova-lite-lab/$service"
	read_anew
	"start_$service"
}

# The PIDs a signal for a service goes to, the main process first.  A database or a broker is its
# whole process tree; a daemon is one process, and what it leaves behind is its own affair.
targets() {
	local pid
	case $1 in
	qemu)
		for pid in $(pgrep -x qemu-system-x86); do
			[ -z "${2:-}" ] || tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qxF -- "$2" || continue
			echo "$pid"
		done ;;
	postgres|rabbitmq)
		look "$1"
		[ -n "$PID" ] && ps -e -o pid=,ppid= | awk -v top="$PID" '
			{ parent[$1] = $2; order[NR] = $1 }
			function below(p) { while (p > 1) { if (p == top) return 1; p = parent[p] } return 0 }
			END { print top; for (i = 1; i <= NR; i++) if (order[i] != top && below(order[i])) print order[i] }' ;;
	*)
		look "$1"
		[ -n "$PID" ] && echo "$PID" ;;
	esac
}

signal() {
	local service=$1 sig=$2 pids pid tries left
	pids=$(targets "$service" "${3:-}")
	[ -n "$pids" ] || fail "$service${3:+ of instance $3} is not running"
	[ "$sig" != HUP ] || read_anew
	# shellcheck disable=SC2086
	kill "-$sig" $pids 2>/dev/null
	[ "$sig" = KILL ] || return 0
	for ((tries = 0; tries < 500; tries++)); do
		left=
		for pid in $pids; do
			case $(ps -o stat= -p "$pid") in ''|Z*) ;; *) left=$pid ;; esac
		done
		[ -n "$left" ] || return 0
		sleep 0.01
	done
	fail "$service (PID $left) does not end after SIGKILL: it hangs in the kernel, probably in a file system without server"
}

report() {
	local service domains
	echo "boot_id $(cat /proc/sys/kernel/random/boot_id)"
	for service in $(services_of "$HOST_ROLE" "$LAB_SHARED" "$LAB_DAEMONS"); do
		look "$service"
		echo "service $service ${PID:-0} $STATE"
	done
	look libvirtd
	[ "$STATE" = dead ] && return
	if ! domains=$(timeout 3 virsh -q -c qemu:///system 'list --all; echo ==; list --all --uuid --name' 2>/dev/null); then
		echo "domains-unknown"
		return
	fi
	awk '/^==/ { second = 1; sub(/^==/, "") }
		!NF { next }
		!second { name = $2; $1 = $2 = ""; sub(/^ */, ""); state[name] = $0; next }
		{ print "domain", $1, $2, state[$2] }' <<<"$domains"
}

case $1 in
start|signal|report) "$@" ;;
*) fail "in-host.sh: no verb '$1'" ;;
esac
