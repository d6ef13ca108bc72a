# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# up.sh - the commands up and down.

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
	local shared=auto auth=none size= count=2 daemons=yes option kind t0 host
	SETTINGS=()
	while [ $# -gt 0 ]; do
		option=$1
		case $1 in
		--hosts) count=${2:-}; shift ;;
		--shared) shared=${2:-}; shift ;;
		--storage-size) size=${2:-none}; shift ;;
		--auth) auth=${2:-}; shift ;;
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
	[[ $auth =~ ^(none|builtin)$ ]] || misuse "--auth wants none or builtin, not '$auth'"

	[[ -z $size || $size =~ ^[1-9][0-9]*[MGT]$ ]] || misuse "--storage-size wants a size such as 4G, not '$size'"
	[ -z "$size" ] || [ "$shared" != local ] || misuse "--storage-size is for shared storage, not for --shared local"

	state_check_directory
	state_lock
	[ ! -e "$LAB/lab.conf" ] || { up_again; return; }
	t0=$(now_ms)
	LAB_SHARED=$(storage_choose "$shared")
	LAB_AUTH=$auth LAB_COUNT=$count LAB_DAEMONS=$daemons LAB_READY=no
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

	[ -z "$size" ] || storage_limit "$size" || exit 1
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
		[ -n "${OS_PROJECT_NAME:-}" ] || export OS_PROJECT_ID="${OS_PROJECT_ID:-default}"
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

# openstack and other users of openstacksdk learn from a file only that images are somewhere else, with auth = none
clouds_write() {
	local api
	api=$(api_url)
	if [ "$LAB_AUTH" = builtin ]; then
		cat >"$LAB/clouds.yaml" <<-TEXT
			clouds:
			  lab:
			    auth:
			      auth_url: $api/identity
			      username: admin
			      password: lab
			      project_name: default
			      user_domain_name: Default
			      project_domain_name: Default
			    identity_api_version: 3
		TEXT
		return
	fi
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

# What HostA exports is a file system of its own, of this size, that can be full.  It takes room here only as it is filled.
storage_limit() {
	local image=$LAB/HostA/export.img
	mkdir -p "$LAB/HostA/export"
	truncate -s "$1" "$image" && mkfs.ext4 -q -m 0 -F "$image" && mount -o loop "$image" "$LAB/HostA/export" &&
		rmdir "$LAB/HostA/export/lost+found" ||
		die "cannot make a file system of $1 for the shared storage in $image"
}

up_database() {
	host_agent HostA start postgres || return 1
	[ "$LAB_DAEMONS" = no ] || manage_or_die db sync
	[ "$LAB_DAEMONS" = no ] || [ "$LAB_AUTH" = none ] || users_make
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
	! mountpoint -q "$LAB/HostA/export" || umount "$LAB/HostA/export" || exit 1
	if [ $keep = yes ]; then
		[ ! -e "$LAB/lab.conf" ] || sed -i 's/^LAB_READY=.*/LAB_READY=no/' "$LAB/lab.conf"
		say "the lab is stopped; its files stay in $LAB until the next 'nova-lite-lab down'"
		return
	fi
	rm -rf --one-file-system "${LAB:?}"/{Host*,bin,job.*,no-linux,hosts,clouds.yaml,lab.conf*}
	rmdir "$LAB" 2>/dev/null || say "$LAB holds other files and stays"
	say "the lab in $LAB is stopped and removed"
}
