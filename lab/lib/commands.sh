# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# commands.sh - the commands that do something to hosts and services, one function each.

cmd_exec() {
	local host=${1:-} line vars=()
	state_load
	host_must_exist "$host"
	host_must_be_on "$host"
	shift
	[ "${1:-}" != -- ] || shift
	[ $# -gt 0 ] || set -- /bin/bash
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	while IFS= read -r line; do vars+=("$line"); done < <(environment /run/nova-lite-lab/bin)
	# in the same directory, where the host has it
	host_call exec_user "$host" env -i HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" "${vars[@]}" \
		/bin/sh -c 'cd "$1" 2>/dev/null || cd /; shift; exec "$@"' sh "$PWD" "$@"
}

# A signal for a service, or for all of a host.
send() {
	local sig=$1 host=${2:-} service=${3:-} extra=host
	state_load
	host_must_exist "$host"
	[ "$sig" = HUP ] && extra=
	[ "$host" = HostA ] || [ "$sig" = HUP ] || extra="qemu host"
	service_must_exist "$host" "$service" "$extra"
	host_must_be_on "$host"
	if [ "$service" != host ]; then
		host_agent "$host" signal "$service" "$sig" ${4:+"$4"}
		return
	fi
	case $sig in
	KILL) host_call cut_power "$host" ;;
	STOP) host_call freeze "$host" ;;
	CONT) host_call thaw "$host" ;;
	esac
}
cmd_kill() { send KILL "$@"; }
cmd_pause() { send STOP "$@"; }
cmd_resume() { send CONT "$@"; }
cmd_reload() { send HUP "$@"; }

cmd_start() {
	local host=${1:-} service=${2:-} assignment answer
	state_load
	host_must_exist "$host"
	service_must_exist "$host" "$service" host
	[ "$service" != host ] || { cmd_boot "$host"; return; }
	host_must_be_on "$host"
	for assignment in "${@:3}"; do
		[[ $assignment =~ ^[A-Za-z_][A-Za-z0-9_]*= ]] || misuse "start takes NAME=VALUE for the service's environment, not '$assignment'"
	done
	answer=$(host_agent "$host" start "$service" "${@:3}") || exit 1
	[ "$answer" != running ] || say "$host: $service is running already"
}

cmd_boot() {
	local host=${1:-}
	state_load
	host_must_exist "$host"
	exec 7<"$(host_dir "$host")"
	flock -n 7 || die "another command is booting $host"
	! host_is_on "$host" || die "$host has power already; 'nova-lite-lab kill $host host' cuts it"
	host_boot "$host" 7<&-
}

cmd_link() {
	local host=${1:-} way=${2:-} port=${4:-} dir
	state_load
	host_must_exist "$host"
	[[ $way == up || $way == down ]] || misuse "link wants up or down, not '$way'"
	dir=$(host_dir "$host")
	if [ $# -gt 2 ]; then
		[ "$3" = --port ] || misuse "link has no option '$3'"
		[[ $port =~ ^[1-9][0-9]{0,4}$ ]] && ((port < 65536)) || misuse "--port wants a TCP port, not '$port'"
		if [ "$way" = down ]; then
			net_block_port "$host" "$port" || die "cannot block port $port of $host"
		else
			net_unblock_port "$host" "$port" || die "cannot open port $port of $host"
		fi
		return
	fi
	echo "$way" >"$dir/link"
	! host_is_on "$host" || net_apply_link "$host" || die "cannot set the link of $host $way"
	# a plugged cable carries everything again
	if [ "$way" = up ]; then
		for port in $(net_blocked_ports "$host"); do net_unblock_port "$host" "$port"; done
	fi
}

cmd_set() {
	state_load
	host_must_exist "${1:-}"
	[ $# = 3 ] || misuse "set wants HOST GROUP.KEY VALUE"
	config_check_name "$2"
	config_set "$1" "$2" "$3"
}
