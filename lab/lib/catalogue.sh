# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# catalogue.sh - what users find in a fresh lab: flavors, a network, images; and when everything is up.

manage() { host_call exec HostA "$LAB_BINDIR/nova-lite-manage" --config-file "$(config_path HostA)" "$@"; }

manage_or_die() {
	local text
	text=$(manage "$@" 2>&1) || die "'nova-lite-manage $*' failed: $text"
}

catalogue_fill() {
	manage_or_die flavor create m1.nano --ram 64 --disk 1 --vcpus 1 --id 1
	manage_or_die flavor create m1.micro --ram 160 --disk 1 --vcpus 1 --id 2
	manage_or_die flavor create m1.tiny --ram 256 --disk 1 --vcpus 1 --id 3
	manage_or_die flavor create m1.small --ram 512 --disk 2 --vcpus 1 --id 4
	manage_or_die network create private "10.80.$LAB_NUM.0/24" --bridge br-private --gateway "10.80.$LAB_NUM.1"
}

api_url() { echo "http://$(host_ip HostA):8774"; }
api_get() { curl -sS --noproxy '*' --max-time 5 -H 'X-Auth-Token: lab' "$(api_url)$1"; }

# Until every compute service and the scheduler are up, 30 s at most.
services_wait() {
	local want=$((LAB_COUNT + 1)) deadline=$((SECONDS + 30)) answer up
	while :; do
		answer=$(api_get /v2.1/os-services 2>&1)
		up=$(jq -r '[.services[] | select(.state == "up" and (.binary | IN("nova-compute", "nova-scheduler")))] | length' <<<"$answer" 2>/dev/null)
		[ "${up:-0}" -ge "$want" ] && return
		((SECONDS < deadline)) ||
			die "after 30 s ${up:-0} of $want services are up; os-services says: $answer
the daemons' logs: nova-lite-lab logs HostB compute; nova-lite-lab logs HostA scheduler"
		sleep 0.1
	done
}
