# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# catalogue.sh - what users find in a fresh lab: flavors, images, a network; and when everything is up.

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
	images_add
	manage_or_die network create private "10.80.$LAB_NUM.0/24" --bridge br-private --gateway "10.80.$LAB_NUM.1"
}

# Guest images: name, RAM they need in MiB, how they are made (%s is the file).  lab/guest has the programs.
IMAGES='
testguest         48  mkguest %s --preset idle
testguest-steady  80  mkguest %s --preset steady
testguest-busy   160  mkguest %s --preset busy
linux            192  mklinux %s
'
GUEST=${LIB%/lib}/guest

# The same sources make the same image, so labs share it.
image_file() {
	local key
	key=$(cd "$GUEST" && find . -type f | sort | xargs sha256sum | sha256sum | cut -c1-16)
	echo "$CACHE/image-$1-$key.qcow2"
}

# Makes what is not there yet.  Linux needs Debian's kernel package; without it the lab does without that image.
images_build() {
	local name ram recipe file new text
	mkdir -p "$CACHE" || return 1
	find "$CACHE" -maxdepth 1 -name 'image-*' -mtime +7 -delete
	while read -r name ram recipe; do
		[ -n "$name" ] || continue
		file=$(image_file "$name")
		[ ! -e "$file" ] || continue
		new=$(mktemp "$CACHE/.new.XXXXXX") || return 1
		# shellcheck disable=SC2059,SC2046
		if text=$("$GUEST/"$(printf "$recipe" "$new") 2>&1); then
			chmod 644 "$new" && mv "$new" "$file" || return 1
		else
			rm -f "$new"
			[ "$name" = linux ] || { echo "cannot make the image $name: $text"; return 1; }
			echo "$text" >"$LAB/no-linux"
		fi
	done <<<"$IMAGES"
}

images_add() {
	local name ram recipe file
	while read -r name ram recipe; do
		[ -n "$name" ] || continue
		file=$(image_file "$name")
		[ ! -e "$file" ] || manage_or_die image add "$name" "$file" --disk-format qcow2 --min-ram "$ram"
	done <<<"$IMAGES"
}

api_url() { echo "http://$(host_ip HostA):8774"; }
api_get() { curl -sS --noproxy '*' --max-time 5 -H "X-Auth-Token: $2" "$(api_url)$1"; } # PATH TOKEN

# The administrator's token; with auth = none any word is one.
api_token() {
	local body='{"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "admin",
		"domain": {"id": "default"}, "password": "lab"}}}}}'
	[ "$LAB_AUTH" = builtin ] || { echo lab; return; }
	curl -sS --noproxy '*' --max-time 5 -D - -o /dev/null -H 'Content-Type: application/json' -d "$body" \
		"$(api_url)/identity/v3/auth/tokens" | tr -d '\r' | sed -n 's/^x-subject-token: //Ip'
}

# The administrator, and whom the compute services fetch images as.
users_make() {
	echo lab | manage_or_die identity bootstrap --password-file - || return 1
	manage_or_die project create services
	echo lab | manage_or_die user create compute --project services --role reader --password-file -
}

# Until every compute service and the scheduler are up, 30 s at most.
services_wait() {
	local want=$((LAB_COUNT + 1)) deadline=$((SECONDS + 30)) answer up token
	token=$(api_token)
	while :; do
		answer=$(api_get /v2.1/os-services "$token" 2>&1)
		up=$(jq -r '[.services[] | select(.state == "up" and (.binary | IN("nova-compute", "nova-scheduler")))] | length' \
			<<<"$answer" 2>/dev/null)
		[ "${up:-0}" -ge "$want" ] && return
		((SECONDS < deadline)) ||
			die "after 30 s ${up:-0} of $want services are up; os-services says: $answer
the daemons' logs: nova-lite-lab logs HostB compute; nova-lite-lab logs HostA scheduler"
		sleep 0.1
	done
}
