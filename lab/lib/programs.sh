# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# programs.sh - finds nova-lite's programs and what else the lab needs on this machine.

# The directory of nova-lite-api: as told, or the build in the current directory, or the build or install this script is in.
programs_find() {
	local top=${LIB%/lab/lib} dir
	if [ -n "${NOVA_LITE_BINDIR:-}" ]; then
		readlink -m -- "$NOVA_LITE_BINDIR"
		return
	fi
	for dir in "$PWD" "$top" "$top/build" "$top/../../sbin"; do
		if [ -x "$dir/nova-lite-api" ]; then
			readlink -m -- "$dir"
			return
		fi
	done
	readlink -m -- "$top"
}

# A PATH: an install has its user's programs beside sbin.
programs_path() { echo "$LAB_BINDIR${LAB_BINDIR:+:}$(readlink -m -- "$LAB_BINDIR/../bin")"; }

programs_check() {
	local name
	for name in nova-lite-api nova-lite-scheduler nova-lite-compute nova-lite-manage; do
		[ -x "$LAB_BINDIR/$name" ] ||
			die "there is no $name in $LAB_BINDIR; build nova-lite (make), or set NOVA_LITE_BINDIR to where it is, or use 'up --no-services'"
	done
}

# What the machine must have, by Debian package.
packages_check() {
	local missing=() program package storage
	while read -r program package; do
		command -v "$program" >/dev/null || [ -x "$program" ] || missing+=("$package")
	done <<-TEXT
		ip iproute2
		ebtables iptables
		unshare util-linux
		nsenter util-linux
		setpriv util-linux
		ps procps
		jq jq
		curl curl
		libvirtd libvirt-daemon-system
		virsh libvirt-clients
		qemu-system-x86_64 qemu-system-x86
		qemu-img qemu-utils
		/usr/lib/rabbitmq/bin/rabbitmq-server rabbitmq-server
	TEXT
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing+=(postgresql)
	storage=$(. "$LIB/storage-$LAB_SHARED.sh"; storage_missing)
	# shellcheck disable=SC2206
	missing+=($storage)
	[ ${#missing[@]} = 0 ] ||
		die "this machine lacks: ${missing[*]}; install them with: apt-get install --no-install-recommends ${missing[*]}"
}
