# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# commands.sh - one function per command; usage() in nova-lite-lab says what they do.

# --- work side by side: job NAME CMD..., then jobs_wait -----------------------------------------
declare -A JOBS=()
job() {
	local name=$1
	shift
	("$@") >"$LAB/job.$name" 2>&1 &
	JOBS[$name]=$!
}
# Waits for the named jobs, or all; the first that failed ends the command with its text.
jobs_wait() {
	local name failed=
	[ $# -gt 0 ] || set -- "${!JOBS[@]}"
	for name; do
		wait "${JOBS[$name]}" || failed=${failed:-$name}
		unset "JOBS[$name]"
	done
	[ -z "$failed" ] || die "$failed: $(cat "$LAB/job.$failed")"
}

# --- up and down ----------------------------------------------------------------------------------
storage_choose() {
	if [ "$1" != auto ]; then
		echo "$1"
	elif (. "$LIB/storage-nfs.sh"; nfs_kernel && [ -z "$(storage_missing)" ]); then
		echo nfs
	else
		echo gluster
	fi
}

cmd_up() {
	local shared=auto count=2 daemons=yes option kind t0 host
	SETTINGS=()
	while [ $# -gt 0 ]; do
		option=$1
		case $1 in
		--hosts) count=${2:-}; shift ;;
		--shared) shared=${2:-}; shift ;;
		--set)
			[[ ${2:-} == *=* ]] || misuse "--set wants GROUP.KEY=VALUE, not '${2:-}'"
			config_check_name "${2%%=*}"
			SETTINGS+=("$2"); shift ;;
		--no-services) daemons=no ;;
		*) misuse "up has no option '$1'" ;;
		esac
		shift || misuse "$option lacks its value"
	done
	[[ $count =~ ^[1-9][0-9]?$ ]] || misuse "--hosts wants a number from 1 to 99, not '$count'"
	[[ $shared =~ ^(auto|nfs|gluster|local)$ ]] || misuse "--shared wants auto, nfs, gluster or local, not '$shared'"

	state_check_directory
	state_lock
	[ ! -e "$LAB/lab.conf" ] || { up_again; return; }
	t0=$(now_ms)
	LAB_SHARED=$(storage_choose "$shared")
	LAB_COUNT=$count LAB_DAEMONS=$daemons LAB_READY=no
	LAB_BINDIR=$(programs_find)
	packages_check
	[ "$daemons" = no ] || programs_check
	trap 'up_failed' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	# in this order, so that a crash here leaves a registered lab that `down' finds
	state_claim_number
	state_write
	net_switch_up
	mkdir -p "$STATE_PATH"
	{
		echo "127.0.0.1 localhost"
		for host in $(host_names); do echo "$(host_ip "$host") $host"; done
	} >"$LAB/hosts"
	kind=$(. "$LIB/storage-$LAB_SHARED.sh"; storage_host_kind)
	for host in $(host_names); do
		host_create "$host" "$([ "$host" = HostA ] && echo ns || echo "$kind")" || die "cannot make $(host_dir "$host")"
	done
	wrappers_write
	clouds_write

	host_call boot HostA || exit 1
	job rabbitmq host_agent HostA start rabbitmq
	job postgres up_database
	[ "$daemons" = no ] || job images images_build
	[ "$LAB_SHARED" = local ] || host_agent HostA start storage || exit 1
	for host in $(host_names); do
		[ "$host" = HostA ] || job "$host" up_hypervisor "$host"
	done
	jobs_wait
	if [ "$daemons" = yes ]; then
		job api host_agent HostA start api
		job scheduler host_agent HostA start scheduler
		for host in $(host_names); do
			[ "$host" = HostA ] || job "$host" host_agent "$host" start compute
		done
		job catalogue catalogue_fill
		jobs_wait
		services_wait
	fi
	rm -f "$LAB"/job.*
	LAB_READY=yes
	state_write
	trap - EXIT INT TERM
	say "lab ready after $(($(now_ms) - t0)) ms: $LAB_COUNT compute hosts, storage $LAB_SHARED, network $LAB_NET.0/24"
	up_next
}

# Programs for this machine's PATH: nova-manage and nova-lite-manage run on HostA; nova gets a project, which
# it asks for though nothing uses it, and which openstack refuses together with OS_AUTH_TYPE=none.
wrappers_write() {
	local name
	mkdir -p "$LAB/bin"
	cat >"$LAB/bin/nova" <<-'TEXT'
		#!/bin/sh
		: "${OS_PROJECT_ID:=default}"
		export OS_PROJECT_ID
		IFS=:
		for directory in $PATH; do
			[ "$directory" != "${0%/*}" ] && [ -x "$directory/nova" ] && exec "$directory/nova" "$@"
		done
		echo "nova: not installed; apt-get install python3-novaclient" >&2
		exit 127
	TEXT
	chmod 755 "$LAB/bin/nova"
	for name in nova-lite-manage nova-manage; do
		printf '#!/bin/sh\nNOVA_LITE_LAB=%s exec %s exec HostA %s "$@"\n' "$LAB" "$self" "$name" >"$LAB/bin/$name"
		chmod 755 "$LAB/bin/$name"
	done
}

# openstack and other users of openstacksdk learn from a file only that images are somewhere else
clouds_write() {
	local api
	api=$(api_url)
	cat >"$LAB/clouds.yaml" <<-TEXT
		clouds:
		  lab:
		    auth_type: none
		    auth:
		      endpoint: $api/v2.1
		    compute_endpoint_override: $api/v2.1
		    image_endpoint_override: $api/image
		    identity_api_version: 3
	TEXT
}

up_database() {
	host_agent HostA start postgres || return 1
	[ "$LAB_DAEMONS" = no ] || manage_or_die db sync
}
up_hypervisor() {
	host_call boot "$1" && host_agent "$1" start libvirtd || return 1
	[ "$1" != HostB ] || capabilities_save
}

up_failed() {
	local pid
	for pid in "${JOBS[@]}"; do kill "$pid" 2>/dev/null; done
	echo "nova-lite-lab: up did not finish; logs are in $LAB/HOST/log; 'nova-lite-lab down' removes what is there" >&2
}

up_again() {
	state_load
	[ "$LAB_READY" = yes ] && [ "$LAB_MACHINE_BOOT_ID" = "$(machine_boot_id)" ] ||
		die "the lab in $LAB is left over from an 'up' that did not finish or from before this machine was restarted; 'nova-lite-lab down' removes it"
	say "the lab in $LAB is already up: $LAB_COUNT compute hosts, storage $LAB_SHARED, network $LAB_NET.0/24"
	up_next
}

up_next() {
	local lab='' me=$0
	[ ! -e "$LAB/no-linux" ] || say "there is no image 'linux', because it could not be made: $(cat "$LAB/no-linux")"
	[ "$LAB" = /var/tmp/nova-lite-lab ] || lab="NOVA_LITE_LAB=$LAB "
	cat <<-TEXT
		Now type:
		  eval "\$(${lab}$me env)"      # lets nova, openstack, nova-lite, psql and virsh find the lab
	TEXT
	[ "$LAB_DAEMONS" = no ] || cat <<-TEXT
		  nova service-list               # and: nova list, nova boot, nova live-migration
	TEXT
	cat <<-TEXT
		  ${lab}$me status
		  ${lab}$me exec HostB         # a shell on a host
		  ${lab}$me down
	TEXT
}

cmd_down() {
	local keep=no n boot dir numbers
	case ${1:-} in
	--keep) keep=yes ;;
	'') ;;
	*) misuse "down has no option '$1'" ;;
	esac
	LAB=$(readlink -m -- "$LAB")
	numbers=$(state_numbers)
	if [ ! -e "$LAB/lab.conf" ] && [ -z "$numbers" ]; then
		say "there is no lab in $LAB; nothing to stop"
		return
	fi
	state_lock 60
	if [ -e "$LAB/lab.conf" ]; then
		# shellcheck source=/dev/null
		. "$LAB/lab.conf"
		# the registry is the judge of whose number it is; without an entry the lab's own word counts
		if [ ! -e "$REGISTRY/$LAB_NUM" ] && [ "$LAB_MACHINE_BOOT_ID" = "$(machine_boot_id)" ]; then
			numbers+=" $LAB_NUM"
		fi
	fi
	for n in $numbers; do
		read -r boot dir 2>/dev/null <"$REGISTRY/$n" || boot=$(machine_boot_id)
		if [ "$boot" = "$(machine_boot_id)" ]; then
			net_destroy "$n" || exit 1
		fi
		state_release_number "$n"
	done
	if [ $keep = yes ]; then
		[ ! -e "$LAB/lab.conf" ] || sed -i 's/^LAB_READY=.*/LAB_READY=no/' "$LAB/lab.conf"
		say "the lab is stopped; its files stay in $LAB until the next 'nova-lite-lab down'"
		return
	fi
	rm -rf --one-file-system "${LAB:?}"/Host* "$LAB"/bin "$LAB"/job.* "$LAB"/no-linux "$LAB"/hosts "$LAB"/clouds.yaml "$LAB"/lab.conf*
	rmdir "$LAB" 2>/dev/null || say "$LAB holds other files and stays"
	say "the lab in $LAB is stopped and removed"
}

# --- looking ----------------------------------------------------------------------------------------
# NAME=VALUE lines for programs that shall find the lab.  $1: directory of nova-lite-manage's wrapper.
environment() {
	local host api ip bin=$1
	ip=$(host_ip HostA) api=$(api_url)
	cat <<-TEXT
		NOVA_LITE_LAB=$LAB
		OS_AUTH_TYPE=none
		OS_ENDPOINT=$api/v2.1
		OS_AUTH_URL=$api
		OS_USERNAME=admin
		OS_IDENTITY_API_VERSION=3
		OS_IMAGE_ENDPOINT_OVERRIDE=$api/image
		OS_CLIENT_CONFIG_FILE=$LAB/clouds.yaml
		OS_CLOUD=lab
		PGHOST=$ip
		PGPORT=5432
		PGUSER=nova
		PGDATABASE=nova
		TRANSPORT_URL=rabbit://nova:lab@$ip:5672/
		no_proxy=$ip,localhost,127.0.0.1${no_proxy:+,$no_proxy}
		NO_PROXY=$ip,localhost,127.0.0.1${NO_PROXY:+,$NO_PROXY}
	TEXT
	for host in $(host_names); do
		[ "$host" = HostA ] || echo "VIRSH_${host^^}=qemu+tcp://$(host_ip "$host")/system"
	done
	echo "PATH=$bin:$(programs_path):$PATH"
}

cmd_env() {
	local line
	state_load
	# a second `eval' must not grow PATH and no_proxy again
	PATH=${PATH#"$LAB/bin:$(programs_path):"}
	no_proxy=${no_proxy:-} NO_PROXY=${NO_PROXY:-}
	no_proxy=${no_proxy#"$(host_ip HostA),localhost,127.0.0.1"} no_proxy=${no_proxy#,}
	NO_PROXY=${NO_PROXY#"$(host_ip HostA),localhost,127.0.0.1"} NO_PROXY=${NO_PROXY#,}
	while IFS= read -r line; do
		printf 'export %s=%q\n' "${line%%=*}" "${line#*=}"
	done < <(environment "$LAB/bin")
	echo "# virsh -c \"\$VIRSH_HOSTB\" list"
}

status_lines() {
	local host=$1
	echo "host $host $(host_ip "$host") $(host_kind "$host") $(net_link_state "$host")"
	net_blocked_ports "$host" | sed 's/^/blocked /'
	if ! host_is_on "$host"; then
		echo "power off"
	elif host_call is_frozen "$host"; then
		echo "power paused"
	else
		echo "power on"
	fi
	# (the agent of a frozen User-mode Linux host cannot answer)
	! host_is_on "$host" || { host_call is_frozen "$host" && [ "$(host_kind "$host")" = uml ]; } || host_agent "$host" report
}

cmd_status() {
	local json=no host tmp
	case ${1:-} in
	--json) json=yes ;;
	'') ;;
	*) misuse "status has no option '$1'" ;;
	esac
	state_load
	tmp=$(mktemp -d) || die "cannot make a temporary directory"
	for host in $(host_names); do
		status_lines "$host" >"$tmp/$host" 2>/dev/null &
	done
	wait
	for host in $(host_names); do cat "$tmp/$host"; done |
		jq -Rn --arg directory "$LAB" --arg network "$LAB_NET.0/24" --arg shared "$LAB_SHARED" --arg ready "$LAB_READY" \
			-f "$LIB/status.jq" >"$tmp/json"
	rm -f "$tmp"/Host*
	if [ $json = yes ]; then
		cat "$tmp/json"
	else
		status_text <"$tmp/json"
	fi
	rm -rf "$tmp"
}

status_text() {
	jq -r '"lab in \(.directory), network \(.network), storage \(.shared)",
		(["HOST", "ADDRESS", "POWER", "LINK", "SERVICES"] | @tsv),
		(.hosts[] | [.name, .address, .power, .link + (.blocked_ports | map(" -\(.)") | add // ""),
			([.services[] | if .state == "running" then .name else "\(.name):\(.state | ascii_upcase)" end] | join(" "))] | @tsv),
		(.hosts[] | .name as $host | .domains[]? | ["guest", $host, .name, .uuid, .state] | @tsv)' |
		awk -F'\t' 'NF < 5 { print; next } { printf "%-8s %-13s %-7s %-8s %s\n", $1, $2, $3, $4, $5 }'
}

cmd_conf() {
	state_load
	host_must_exist "${1:-}"
	config_path "$1"
}

cmd_logs() {
	local host=${1:-} service=${2:-} dir files
	state_load
	host_must_exist "$host"
	service_must_exist "$host" "$service" "qemu host"
	dir=$(host_dir "$host")/log
	case $service in
	libvirtd) files=("$dir/libvirtd.log" "$dir/libvirt/libvirtd.log") ;;
	qemu) files=("$dir"/libvirt/qemu/*.log) ;;
	rabbitmq) files=("$dir/rabbitmq.log" "$dir"/rabbitmq/*.log) ;;
	host) files=("$dir/init.log") ;;
	*) files=("$dir/$service.log") ;;
	esac
	[ -e "${files[-1]}" ] || die "$host: $service has not logged anything yet (no ${files[-1]})"
	case ${3:-} in
	-f) exec tail -n 100 -F "${files[@]}" ;;
	'') cat -- "${files[@]}" ;;
	*) misuse "logs has no option '$3'" ;;
	esac
}

# --- doing something to hosts and services ---------------------------------------------------------
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
