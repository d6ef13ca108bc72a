# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# host-ns.sh - hosts that are sets of namespaces: network, mount, UTS, PID and IPC.
#
# A kind of host is these functions, KIND_VERB HOST...; hosts.sh calls them by the host's kind:
#   boot HOST          power on; returns when host-init.sh said "ready"
#   cut_power HOST     everything on it dies at once, without a word to its peers
#   is_on HOST         true while it has power
#   kernel             release of the kernel such hosts run on
#   exec HOST CMD...   run a program in it; its exit status is the program's
#   exec_user HOST CMD...   the same for a user at a terminal; does not return
#   freeze|thaw HOST   SIGSTOP, SIGCONT to everything on it
#   is_frozen HOST
# The host's directory is visible inside under the same path.

ns_kernel() { uname -r; }
ns_is_on() { recorded_pid "$1" >/dev/null; }

ns_boot() {
	local host=$1 dir ns fd line outer pid
	dir=$(host_dir "$host") ns=$(net_ns "$host")
	# what a boot that failed, or a host that died by itself, left behind
	ns_cut_power "$host"
	net_plug_ns "$host" || { echo "nova-lite-lab: cannot connect $host to the lab's switch" >&2; return 1; }
	# Propagation slave: what this machine unmounts, such as the namespaces of another lab, the host lets go too.
	# host-init.sh writes to its fd 3 when it is ready; end of file means that it failed
	exec {fd}< <(exec 9>&- 3>&1 >>"$dir/log/init.log" 2>&1 </dev/null \
		setsid ip netns exec "$ns" unshare --mount --uts --ipc --pid --fork --kill-child --mount-proc \
		--propagation slave env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		HOME=/root LANG=C.UTF-8 /bin/bash "$LIB/host-init.sh" "$LAB" "$dir")
	outer=$!
	if ! read -r -t 30 line <&"$fd" || [ "$line" != ready ]; then
		exec {fd}<&-
		kill -9 "$outer" 2>/dev/null
		ns_cut_power "$host"
		echo "nova-lite-lab: $host does not come up; the end of $dir/log/init.log:" >&2
		tail -n 5 "$dir/log/init.log" >&2
		return 1
	fi
	exec {fd}<&-
	# (the file has no newline at its end, so the first read "fails")
	read -r pid _ <"/proc/$outer/task/$outer/children"
	record_pid "$host" "$pid"
}

# The cable goes first: a host that loses power sends no FIN and no RST.
ns_cut_power() {
	local pid tries
	pid=$(recorded_pid "$1")
	net_unplug "$1"
	[ -n "$pid" ] && kill -9 "$pid"
	for ((tries = 0; tries < 500; tries++)); do
		[ -e "/run/netns/$(net_ns "$1")" ] || break
		[ -n "$(ns_pids "$1")" ] || { ip netns del "$(net_ns "$1")"; break; }
		sleep 0.02
	done
	rm -f "$(host_dir "$1")/init"
}

# PIDs, as seen from outside, of everything in the host's network namespace.
ns_pids() {
	local want
	want=$(stat -Lc '%d:%i' "/run/netns/$(net_ns "$1")" 2>/dev/null) || return 0
	stat -Lc '%d:%i %n' /proc/[0-9]*/ns/net 2>/dev/null |
		awk -v want="$want" '$1 == want { split($2, path, "/"); print path[3] }'
}

ns_enter() {
	local pid
	pid=$(recorded_pid "$1") || { echo "nova-lite-lab: $1 has no power; 'nova-lite-lab boot $1' gives it some" >&2; exit 1; }
	shift
	exec 9>&- nsenter -t "$pid" -m -u -i -n -p -- "$@"
}

ns_exec() {
	(ns_enter "$1" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		HOME=/root LANG=C.UTF-8 "${@:2}")
}

# pdeathsig: a `timeout' around this command also ends the program inside.
ns_exec_user() { ns_enter "$1" setpriv --pdeathsig KILL "${@:2}"; }

# shellcheck disable=SC2046
ns_freeze() { kill -STOP $(ns_pids "$1"); }
# shellcheck disable=SC2046
ns_thaw() { kill -CONT $(ns_pids "$1"); }
ns_is_frozen() { recorded_is_stopped "$1"; }
