# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# hosts.sh - what commands do with a host, whatever its kind (host-ns.sh says what a kind is).

host_kind() { cat "$(host_dir "$1")/kind"; }
host_call() { local verb=$1 host=$2; shift 2; "$(host_kind "$host")_$verb" "$host" "$@"; }
host_is_on() { host_call is_on "$1"; }
host_role() { [ "$1" = HostA ] && echo controller || echo compute; }

# The process that is the host as seen from outside: its PID 1, or its kernel.  The file `init' holds
# "pid starttime", so that a later process with the same number is not taken for it.
record_pid() {
	local stat
	read -r stat 2>/dev/null <"/proc/$2/stat" || return 1
	stat=${stat##*) }
	# shellcheck disable=SC2086
	set -- "$1" "$2" $stat
	echo "$2 ${22}" >"$(host_dir "$1")/init"
}
recorded_pid() {
	local pid start stat
	read -r pid start 2>/dev/null <"$(host_dir "$1")/init" || return 1
	read -r stat 2>/dev/null <"/proc/$pid/stat" || return 1
	stat=${stat##*) }
	# shellcheck disable=SC2086
	set -- $stat
	[ "${20}" = "$start" ] && [ "$1" != Z ] && echo "$pid"
}
recorded_is_stopped() {
	local stat
	read -r stat 2>/dev/null <"/proc/$(recorded_pid "$1")/stat" || return 1
	stat=${stat##*) }
	[ "${stat:0:1}" = T ]
}

# in-host.sh, run on the host
host_agent() {
	local host=$1
	shift
	host_call exec "$host" /bin/bash "$LIB/in-host.sh" "$LAB" "$(host_dir "$host")" "$@"
}

host_must_be_on() {
	host_is_on "$1" || die "$1 has no power; 'nova-lite-lab boot $1' gives it some"
}

# The host's directory, once in its life: identity, configuration of its libvirtd, empty disks.
host_create() {
	local host=$1 kind=$2 dir uuid
	dir=$(host_dir "$host")
	mkdir -p "$dir"/{log,state} || return 1
	cat >"$dir/host.conf" <<-TEXT
		HOST=$host
		HOST_IP=$(host_ip "$host")
		HOST_KIND=$kind
		HOST_ROLE=$(host_role "$host")
		STATE_PATH=$STATE_PATH
		INSTANCES_PATH=$INSTANCES_PATH
		LAB_BINPATH=$(programs_path)
	TEXT
	echo "$kind" >"$dir/kind"
	echo "$host" >"$dir/hostname"
	uuid=$(cat /proc/sys/kernel/random/uuid)
	echo "$uuid" >"$dir/uuid"
	echo "${uuid//-/}" >"$dir/machine-id"
	config_write "$host" "$kind"
	[ "$(host_role "$host")" = compute ] || return 0
	mkdir -p "$dir"/{etc-libvirt,cache-libvirt} || return 1
	# filters only: the machine's own guests and networks are none of the lab's business
	[ -d /etc/libvirt/nwfilter ] && cp -a /etc/libvirt/nwfilter "$dir/etc-libvirt/"
	host_libvirt_conf "$uuid" >"$dir/etc-libvirt/libvirtd.conf"
	host_qemu_conf "$(host_ip "$host")" >"$dir/etc-libvirt/qemu.conf"
	capabilities_restore "$dir/cache-libvirt" "$kind"
}

host_libvirt_conf() {
	cat <<-TEXT
		listen_tls = 0
		listen_tcp = 1
		listen_addr = "0.0.0.0"
		auth_tcp = "none"
		auth_unix_ro = "none"
		auth_unix_rw = "none"
		unix_sock_rw_perms = "0700"
		host_uuid = "$1"
		keepalive_interval = 3
		keepalive_count = 3
		log_outputs = "2:file:/var/log/libvirt/libvirtd.log"
	TEXT
}

# root, because the images belong to root; no cgroups, security driver or namespaces, which a set of
# namespaces cannot give; QEMU writes its log itself because there is no virtlogd.
# keepalive: a migration notices a dead peer after about 10 s.
host_qemu_conf() {
	cat <<-TEXT
		user = "root"
		group = "root"
		dynamic_ownership = 0
		remember_owner = 0
		security_driver = "none"
		cgroup_controllers = []
		namespaces = []
		stdio_handler = "file"
		migration_host = "$1"
		keepalive_interval = 3
		keepalive_count = 3
		default_tls_x509_cert_dir = "/etc/libvirt/pki"
	TEXT
}

# libvirt asks a new QEMU what it can do, which takes a second (in User-mode Linux ten); labs share the answers.
capabilities_key() {
	stat -Lc '%n %Z' /usr/bin/qemu-system-x86_64 /usr/sbin/libvirtd /usr/lib/*/libvirt/connection-driver/* 2>/dev/null |
		cat - <("$1_kernel") | sha256sum | cut -c1-16
}
capabilities_restore() {
	local saved
	saved=$CACHE/libvirt-$2-$(capabilities_key "$2")
	if [ -d "$saved" ]; then
		cp -a "$saved/." "$1/"
	fi
}
capabilities_save() {
	local kind saved dir new
	kind=$(host_kind HostB)
	saved=$CACHE/libvirt-$kind-$(capabilities_key "$kind")
	[ -d "$saved" ] && return 0
	dir=$(host_dir HostB)/cache-libvirt
	host_call exec HostB sh -c 'timeout 60 virsh -c qemu:///system domcapabilities --virttype qemu; sync' >/dev/null 2>&1
	[ -n "$(ls "$dir/qemu/capabilities" 2>/dev/null)" ] || return 0
	mkdir -p "$CACHE" && new=$(mktemp -d "$CACHE/.new.XXXXXX") || return 0
	# an interrupted or double save leaves nothing half written under the final name
	cp -a "$dir/." "$new/" && chmod 755 "$new" && mv -T "$new" "$saved" 2>/dev/null || rm -rf "$new"
}

# Power on, then the services one after the other.
host_boot() {
	local host=$1 service
	host_call boot "$host" || return 1
	for service in $(host_services "$host"); do
		host_agent "$host" start "$service" >/dev/null || return 1
	done
}

host_services() { (. "$LIB/services.sh"; services_of "$(host_role "$1")" "$LAB_SHARED" "${2:-$LAB_DAEMONS}"); }

# Checks a service name given by the user.  $3: further names that the command takes.
service_must_exist() {
	local names
	[ -n "${2:-}" ] || misuse "a service is missing"
	names=" $(host_services "$1" yes | tr '\n' ' ') ${3:-} "
	[[ $names == *" $2 "* ]] || die "$1 has no service '$2' for this; it has: $names"
}
