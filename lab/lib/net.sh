# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# net.sh - the lab's network.
#
# A network namespace of its own, nllN, is the switch: it holds the bridge `lan' (10.79.N.0/24:
# all hosts, and this machine as .1) and the bridge `private' (guests' network 10.80.N.0/24, this
# machine as .1).  Keeping the bridges out of this machine's own namespace keeps its firewall
# (bridge netfilter, FORWARD policies) away from the lab, and a port filter on the switch
# works for every kind of host.  Port of host I: hI on lan, pI on private.

net_ns() { echo "nll$LAB_NUM${1:+-$1}"; }
net_on_switch() { ip netns exec "$(net_ns)" "$@"; }

net_switch_up() {
	local sw
	sw=$(net_ns)
	ip netns add "$sw" || die "cannot make the network namespace $sw"
	ip -n "$sw" -b - <<TEXT || die "cannot build the lab's switch in namespace $sw"
link set lo up
link add lan type bridge stp_state 0 forward_delay 0
link add private type bridge stp_state 0 forward_delay 0
link set lan up
link set private up
TEXT
	ip -b - <<TEXT || die "cannot connect this machine to the lab's network $LAB_NET.0/24"
link add $sw type veth peer name root netns $sw
link add ${sw}p type veth peer name rootp netns $sw
addr add $LAB_NET.1/24 dev $sw
addr add 10.80.$LAB_NUM.1/24 dev ${sw}p
link set $sw up
link set ${sw}p up
TEXT
	ip -n "$sw" -b - <<TEXT || die "cannot connect this machine to the lab's switch"
link set root master lan up
link set rootp master private up
TEXT
}

# A cable each to lan (eth0) and private (eth1, in bridge br-private) for a namespace host.
# The MAC addresses stay the same over a power cycle, as a real card's do.
net_plug_ns() {
	local host=$1 i ns sw mac
	i=$(host_index "$host") ns=$(net_ns "$host") sw=$(net_ns)
	mac=$(printf '02:79:%02x:00:%02x' "$LAB_NUM" "$i")
	ip netns add "$ns" || return 1
	ip -n "$ns" -b - <<TEXT || return 1
link set lo up
link add eth0 address $mac:01 type veth peer name h$i netns $sw
link add eth1 address $mac:02 type veth peer name p$i netns $sw
link add br-private address $mac:02 type bridge stp_state 0 forward_delay 0
link set eth1 master br-private up
link set br-private up
addr add $(host_ip "$host")/24 dev eth0
link set eth0 up
TEXT
	ip -n "$sw" -b - <<TEXT || return 1
link set h$i master lan
link set p$i master private up
TEXT
	net_apply_link "$host"
}

# Removes the cables: what the host's processes say while they die goes nowhere.
net_unplug() {
	local i
	i=$(host_index "$1")
	ip -n "$(net_ns)" link del "h$i" 2>/dev/null
	ip -n "$(net_ns)" link del "p$i" 2>/dev/null
	return 0
}

# What `link' asked for is kept in the host's directory, so that it also holds over a power cycle.
net_link_state() { cat "$(host_dir "$1")/link" 2>/dev/null || echo up; }
net_blocked_ports() { cat "$(host_dir "$1")/blocked-ports" 2>/dev/null; }

net_apply_link() {
	ip -n "$(net_ns)" link set "h$(host_index "$1")" "$(net_link_state "$1")"
}

# TCP packets from and to the host with this port at either end.
net_port_rules() {
	local action=$1 i=$2 port=$3 way end
	for way in -i -o; do
		for end in --ip-sport --ip-dport; do
			net_on_switch ebtables "$action" FORWARD "$way" "h$i" -p IPv4 --ip-proto tcp "$end" "$port" -j DROP || return 1
		done
	done
}

net_block_port() {
	local file
	file=$(host_dir "$1")/blocked-ports
	grep -qsx "$2" "$file" && return 0
	net_port_rules -A "$(host_index "$1")" "$2" && echo "$2" >>"$file"
}

net_unblock_port() {
	local file
	file=$(host_dir "$1")/blocked-ports
	grep -qsx "$2" "$file" || return 0
	net_port_rules -D "$(host_index "$1")" "$2" && sed -i "/^$2\$/d" "$file"
}

# PIDs of living processes in any network namespace of lab number $1 (zombies have none).
net_members() {
	local want
	want=$(stat -Lc '%d:%i' "/run/netns/nll$1" "/run/netns/nll$1"-* 2>/dev/null) || [ -n "$want" ] || return 0
	stat -Lc '%d:%i %n' /proc/[0-9]*/ns/net 2>/dev/null |
		awk -v want="$want" 'BEGIN { n = split(want, w, "\n"); for (i = 1; i <= n; i++) in_lab[w[i]] = 1 }
			$1 in in_lab { split($2, path, "/"); print path[3] }'
}

# Ends every process of lab number $1 and removes its namespaces and links.
net_destroy() {
	local n=$1 killed='' left tries ns
	for ((tries = 0; tries < 500; tries++)); do
		left=$(net_members "$n")
		# shellcheck disable=SC2086
		if [ -n "$left" ] && ((tries % 50 == 0)); then
			kill -9 $left 2>/dev/null
			killed+=" $left"
		fi
		# a process leaves its namespaces a moment before it is really gone
		if [ -z "$left" ] && [ -n "$killed" ]; then
			# shellcheck disable=SC2086
			left=$(ps -o pid=,stat= -p "$(echo $killed | tr ' ' ,)" | awk '$2 !~ /^Z/ { print $1 }')
		fi
		[ -n "$left" ] || break
		sleep 0.02
	done
	[ -z "$left" ] || { echo "nova-lite-lab: these processes do not end: $left" >&2; return 1; }
	for ns in "/run/netns/nll$n" "/run/netns/nll$n"-*; do
		[ -e "$ns" ] && ip netns del "${ns##*/}"
	done
	# deleting the switch takes these with it, but not at once
	ip link del "nll$n" 2>/dev/null
	ip link del "nll${n}p" 2>/dev/null
	return 0
}
