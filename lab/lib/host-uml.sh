# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# host-uml.sh - hosts that are User-mode Linux machines: a kernel of their own, which can mount NFS where this
# machine's cannot.  Slower than host-ns.sh (a system call costs some 20 us); host-ns.sh says what the functions are.
#
# Cables: taps hI (lan) and pI (private) on the switch's bridges and mI, which leads to the agent only
# and is not cut by `link'.  One processor and UML_MEMORY_MB each; each is kept on one cpu, for speed.

UML_MEMORY_MB=1024

uml_packages_missing() {
	[ -x /usr/bin/linux.uml ] || echo user-mode-linux
	command -v modprobe >/dev/null || echo kmod
	[ -x /usr/bin/python3 ] || echo python3
}

uml_management() { echo "169.254.$(host_index "$1").$2"; }

uml_kernel() { linux.uml --version; }
uml_is_on() { recorded_pid "$1" >/dev/null; }

uml_plug() {
	local host=$1 i
	i=$(host_index "$host")
	net_on_switch ip -b - <<-TEXT || return 1
		tuntap add h$i mode tap
		tuntap add p$i mode tap
		tuntap add m$i mode tap
		link set h$i gso_max_segs 1
		link set p$i gso_max_segs 1
		link set m$i gso_max_segs 1
		link set h$i master lan
		link set p$i master private up
		addr add $(uml_management "$host" 1)/30 dev m$i
		link set m$i up
	TEXT
	net_apply_link "$host"
}

uml_boot() {
	local host=$1 dir i mac tries pid
	dir=$(host_dir "$host") i=$(host_index "$host")
	uml_cut_power "$host"
	uml_plug "$host" || { echo "nova-lite-lab: cannot connect $host to the lab's switch" >&2; return 1; }
	mac=$(printf '02:79:%02x:00:%02x' "$LAB_NUM" "$i")
	rm -f "$dir/ready"
	mkdir -p "$dir/uml"
	(umask 077 && head -c 32 /dev/urandom | base64 -w 0 >"$dir/agent-secret") || return 1
	(exec 9>&- setsid ip netns exec "$(net_ns)" taskset -c $((i % $(nproc))) env -i PATH="$PATH" HOME=/root \
		linux.uml "mem=${UML_MEMORY_MB}M" root=/dev/root rootfstype=hostfs rootflags=/ ro con=null con0=null,fd:1 quiet \
		"vec0:transport=tap,ifname=h$i,mac=$mac:01" "vec1:transport=tap,ifname=p$i,mac=$mac:02" \
		"vec2:transport=tap,ifname=m$i,mac=$mac:03" "uml_dir=$dir/uml/" umid=uml init=/bin/bash \
		"UML_ADDRESS=$(host_ip "$host")" "UML_MANAGEMENT=$(uml_management "$host" 2)" -- "$LIB/uml-init.sh" "$LAB" "$dir" "$LIB" \
		</dev/null >>"$dir/log/init.log" 2>&1) &
	pid=$!
	disown "$pid"
	record_pid "$host" "$pid"
	for ((tries = 0; tries < 1200; tries++)); do
		[ ! -e "$dir/ready" ] || return 0
		uml_is_on "$host" || break
		sleep 0.05
	done
	uml_cut_power "$host"
	echo "nova-lite-lab: $host does not come up; the end of $dir/log/init.log:" >&2
	tail -n 10 "$dir/log/init.log" >&2
	return 1
}

# The kernel and the processes that carry its own are one session.
uml_pids() {
	local pid
	pid=$(recorded_pid "$1") && ps -o pid=,stat= -s "$pid" | awk '$2 !~ /^Z/ { print $1 }'
}

uml_cut_power() {
	local tries pids
	pids=$(uml_pids "$1")
	net_unplug "$1"
	ip -n "$(net_ns)" link del "m$(host_index "$1")" 2>/dev/null
	# shellcheck disable=SC2086
	[ -z "$pids" ] || kill -9 $pids
	for ((tries = 0; tries < 500; tries++)); do
		[ -n "$pids" ] && [ -n "$(ps -o pid=,stat= -p "$(echo $pids | tr ' ' ,)" | awk '$2 !~ /^Z/')" ] || break
		sleep 0.02
	done
	rm -f "$(host_dir "$1")"/{init,ready}
}

uml_exec_user() {
	uml_is_on "$1" || { echo "nova-lite-lab: $1 has no power; 'nova-lite-lab boot $1' gives it some" >&2; exit 1; }
	exec 9>&- nsenter --net="/run/netns/$(net_ns)" "$LIB/uml-agent" run "$(host_dir "$1")/agent-secret" "$(uml_management "$1" 2)" 7 "${@:2}"
}
uml_exec() {
	(uml_exec_user "$1" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		HOME=/root LANG=C.UTF-8 "${@:2}")
}

# Stopping the kernel stops everything that runs on it.
uml_freeze() { kill -STOP "$(recorded_pid "$1")"; }
uml_thaw() { kill -CONT "$(recorded_pid "$1")"; }
uml_is_frozen() { recorded_is_stopped "$1"; }
