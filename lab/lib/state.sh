# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# state.sh - where a lab keeps its state, and how several labs stay out of each other's way.
#
# Everything of one lab is in $LAB.  Each running lab has a number 1..254 that its subnet
# (10.79.NUMBER.0/24) and the names of its namespaces and links (nllNUMBER...) come from.
# Numbers are handed out under a lock; $REGISTRY/NUMBER holds "machine-boot-id directory",
# so that a lab is found again even when its directory is gone.

LAB=${NOVA_LITE_LAB:-/var/tmp/nova-lite-lab}
REGISTRY=/run/nova-lite-lab
CACHE=${NOVA_LITE_LAB_CACHE:-/var/cache/nova-lite-lab}
STATE_PATH=/var/lib/nova-lite
INSTANCES_PATH=$STATE_PATH/instances

die() { echo "nova-lite-lab: $*" >&2; exit 1; }
misuse() { echo "nova-lite-lab: $*; 'nova-lite-lab help' lists the commands" >&2; exit 2; }
say() { echo "$*"; }
note() { [ -n "${QUIET:-}" ] || echo "  $*"; }
now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo $((t / 1000)); }
machine_boot_id() { cat /proc/sys/kernel/random/boot_id; }

# A directory that other users' daemons must reach and that the hosts' own mounts do not hide.
state_check_directory() {
	LAB=$(readlink -m -- "$LAB")
	case $LAB/ in
	/|/run/*|/proc/*|/sys/*|/dev/*|/etc/*|"$STATE_PATH"/*|/var/lib/libvirt/*|/var/lib/postgresql/*|/var/lib/rabbitmq/*)
		die "NOVA_LITE_LAB=$LAB cannot hold a lab: every host mounts its own files there; take a directory such as /var/tmp/my-lab" ;;
	*[[:space:]]*)
		die "NOVA_LITE_LAB='$LAB' has a blank in it; configuration files of the lab cannot hold that" ;;
	esac
	if [ -e "$LAB" ] && [ ! -d "$LAB" ]; then
		die "NOVA_LITE_LAB=$LAB is not a directory"
	fi
	if [ -d "$LAB" ] && [ ! -e "$LAB/lab.conf" ] && [ -n "$(ls -A "$LAB")" ]; then
		die "$LAB holds other files and no lab; give the lab an empty directory of its own (NOVA_LITE_LAB)"
	fi
}

# Sets LAB_NUM, LAB_NET, LAB_SHARED, LAB_AUTH, LAB_COUNT, LAB_BINDIR, LAB_DAEMONS, LAB_READY of the lab in $LAB.
state_load() {
	LAB=$(readlink -m -- "$LAB")
	[ -e "$LAB/lab.conf" ] ||
		die "there is no lab in $LAB; 'nova-lite-lab up' builds one (NOVA_LITE_LAB names another directory)"
	LAB_AUTH=none
	# shellcheck source=/dev/null
	. "$LAB/lab.conf"
}

state_write() {
	cat >"$LAB/lab.conf.new" <<TEXT
# written by nova-lite-lab
LAB_NUM=$LAB_NUM
LAB_NET=$LAB_NET
LAB_SHARED=$LAB_SHARED
LAB_AUTH=$LAB_AUTH
LAB_COUNT=$LAB_COUNT
LAB_BINDIR=$LAB_BINDIR
LAB_DAEMONS=$LAB_DAEMONS
LAB_READY=$LAB_READY
LAB_MACHINE_BOOT_ID=$(machine_boot_id)
TEXT
	mv "$LAB/lab.conf.new" "$LAB/lab.conf"
}


# Numbers of the registry that belong to $LAB in this boot of the machine.
state_numbers() {
	local file boot dir
	for file in "$REGISTRY"/[0-9]*; do
		[ -e "$file" ] || continue
		read -r boot dir <"$file"
		[ "$dir" = "$LAB" ] && echo "${file##*/}"
	done
	return 0
}

# Takes a free number: not registered by a lab of this boot, no namespace, link or route of that name.
state_claim_number() {
	local n boot dir routes
	mkdir -p "$REGISTRY"
	exec 8>"$REGISTRY/lock"
	flock -w 30 8 || die "$REGISTRY/lock has been held for 30 s by another lab; see who with: fuser -v $REGISTRY/lock"
	routes=$(ip -4 route show table all 2>/dev/null)
	for ((n = 1; n < 255; n++)); do
		if [ -e "$REGISTRY/$n" ]; then
			read -r boot dir <"$REGISTRY/$n"
			[ "$boot" = "$(machine_boot_id)" ] && continue
		fi
		[ -e "/run/netns/nll$n" ] || [ -e "/sys/class/net/nll$n" ] && continue
		case $routes in *"10.79.$n."*|*"10.80.$n."*) continue ;; esac
		echo "$(machine_boot_id) $LAB" >"$REGISTRY/$n"
		LAB_NUM=$n LAB_NET=10.79.$n
		exec 8>&-
		return
	done
	die "all subnets 10.79.1.0/24 to 10.79.254.0/24 are in use; stop a lab (see $REGISTRY)"
}

state_release_number() { rm -f "$REGISTRY/$1"; }

# HostA is 0, HostB 1, ... HostZ 25, HostAA 26, HostAB 27, ...
host_name() {
	local letters=ABCDEFGHIJKLMNOPQRSTUVWXYZ i=$1
	if ((i < 26)); then
		echo "Host${letters:i:1}"
	else
		echo "Host${letters:i / 26 - 1:1}${letters:i % 26:1}"
	fi
}
host_names() { local i; for ((i = 0; i <= LAB_COUNT; i++)); do host_name "$i"; done; }
host_dir() { echo "$LAB/$1"; }
host_index() {
	local i
	for ((i = 0; i <= LAB_COUNT; i++)); do
		[ "$(host_name "$i")" = "$1" ] && { echo "$i"; return; }
	done
	return 1
}
host_ip() { echo "$LAB_NET.$(($(host_index "$1") + 10))"; }

# Checks a host name given by the user.
host_must_exist() {
	[ -n "${1:-}" ] || misuse "a host is missing"
	host_index "$1" >/dev/null || die "the lab has no host '$1'; it has: $(host_names | tr '\n' ' ')"
}

# One `up' or `down' at a time; waits $1 seconds.  The lock is on the directory itself, so a lock won
# on a directory that `down' has just removed does not count.  fd 9 stays closed in what outlives the command.
state_lock() {
	local tries
	for ((tries = 0; tries < 100; tries++)); do
		mkdir -p "$LAB" || die "cannot make $LAB"
		exec 9<"$LAB"
		flock -w "${1:-0}" 9 || die "another 'up' or 'down' is at work on the lab in $LAB; wait for it to end"
		[ /proc/self/fd/9 -ef "$LAB" ] && return
	done
	die "$LAB is removed again and again by somebody else"
}
