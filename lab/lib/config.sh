# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# config.sh - each host's nova-lite.conf.

config_path() { echo "$(host_dir "$1")/nova-lite.conf"; }

config_write() {
	local host=$1 kind=$2 assignment
	{
		cat <<-TEXT
			# nova-lite.conf of $host in the lab in $LAB
			[DEFAULT]
			host = $host
			my_ip = $(host_ip "$host")
			state_path = $STATE_PATH
			instances_path = \$state_path/instances
			transport_url = rabbit://nova:lab@HostA:5672/
		TEXT
		if [ "$(host_role "$host")" = controller ]; then
			cat <<-TEXT
				osapi_compute_listen = 0.0.0.0

				[api]
				auth = $LAB_AUTH
				# the lab's network ends at this machine
				auth_none_allowed_addresses = 127.0.0.0/8, $LAB_NET.0/24
				allowed_hosts = localhost, 127.0.0.1, HostA, $(host_ip HostA)

				[quota]
				# tests make as many servers as the hosts hold
				instances = -1
				cores = -1
				ram = -1

				[glance_store]
				filesystem_store_datadir = \$state_path/images
			TEXT
		else
			cat <<-TEXT
				flat_network_bridge = br-private
			TEXT
			# a small machine: what its kernel, libvirtd and the compute service need
			[ "$kind" != uml ] || echo "reserved_host_memory_mb = 256"
			cat <<-TEXT

				[libvirt]
				connection_uri = qemu:///system
				virt_type = qemu
				live_migration_uri = qemu+tcp://%s/system
			TEXT
		fi
		cat <<-TEXT

			[database]
			connection = postgresql://nova@HostA:5432/nova

			[glance]
			api_servers = http://HostA:8774/image
		TEXT
		[ "$LAB_AUTH" = none ] || printf 'username = compute\npassword = lab\n'
	} >"$(config_path "$host")"
	for assignment in "${SETTINGS[@]}"; do
		config_set "$host" "${assignment%%=*}" "${assignment#*=}"
	done
}

# GROUP.KEY as nova-lite.conf can hold it.  A key has no dot, so the last dot is the border.
config_check_name() {
	[[ $1 =~ ^[A-Za-z][A-Za-z0-9_-]*\.[A-Za-z][A-Za-z0-9_-]*$ ]] ||
		misuse "'$1' is not GROUP.KEY (such as libvirt.live_migration_bandwidth or DEFAULT.debug)"
}

# config_set HOST GROUP.KEY VALUE - replaces the option, or adds it at the end of its group.
# The file changes in one step, so that a daemon never reads half of it.
config_set() {
	local file
	file=$(config_path "$1")
	group=${2%.*} key=${2##*.} value=$3 awk '
		function flush_option() { if (in_group && !done) { print key " = " value; done = 1 } }
		BEGIN { group = ENVIRON["group"]; key = ENVIRON["key"]; value = ENVIRON["value"] }
		/^\[/ { if (in_group) flush_option(); in_group = ($0 == "[" group "]"); skip = 0 }
		/^[ \t]/ && skip { next }
		{ skip = 0 }
		in_group && $0 ~ "^" key "[ \t]*[=:]" { flush_option(); skip = 1; next }
		{ print }
		END { flush_option(); if (!done) print "\n[" group "]\n" key " = " value }' \
		"$file" >"$file.new" && mv "$file.new" "$file"
}
