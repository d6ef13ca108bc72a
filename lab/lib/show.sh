# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# show.sh - the commands that look: env, status, conf, logs.

# NAME=VALUE lines for programs that shall find the lab.  $1: directory of nova-lite-manage's wrapper.
environment() {
	local host api ip bin=$1
	ip=$(host_ip HostA) api=$(api_url)
	cat <<-TEXT
		NOVA_LITE_LAB=$LAB
		OS_USERNAME=admin
		OS_IDENTITY_API_VERSION=3
	TEXT
	if [ "$LAB_AUTH" = builtin ]; then
		cat <<-TEXT
			OS_AUTH_TYPE=password
			OS_AUTH_URL=$api/identity
			OS_PASSWORD=lab
			OS_PROJECT_NAME=default
			OS_USER_DOMAIN_NAME=Default
			OS_PROJECT_DOMAIN_NAME=Default
		TEXT
	else
		cat <<-TEXT
			OS_AUTH_TYPE=none
			OS_AUTH_URL=$api
			OS_ENDPOINT=$api/v2.1
			OS_IMAGE_ENDPOINT_OVERRIDE=$api/image
		TEXT
	fi
	cat <<-TEXT
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
	# nor may what another lab has left in this shell
	if [ "$LAB_AUTH" = builtin ]; then
		echo 'unset OS_ENDPOINT OS_IMAGE_ENDPOINT_OVERRIDE OS_PROJECT_ID OS_TOKEN'
	else
		echo 'unset OS_PASSWORD OS_PROJECT_NAME OS_USER_DOMAIN_NAME OS_PROJECT_DOMAIN_NAME'
	fi
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
