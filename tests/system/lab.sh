#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Tests lab/nova-lite-lab itself: two labs side by side, every command, power failures, cut cables,
# a crash of `up', and that `down' leaves nothing behind.  Needs root, the packages of the lab and
# nova-lite's programs (NOVA_LITE_BINDIR, or where nova-lite-lab looks for them).
#	tests/system/lab.sh [gluster|nfs]	storage of the first lab; the second one's is local
set -u
storage=${1:-gluster}
case $storage in
gluster) fstype=fuse.glusterfs ;;
nfs) fstype=nfs4 ;;
*) echo "usage: lab.sh [gluster|nfs]"; exit 2 ;;
esac
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
program=$top/lab/nova-lite-lab
work=$(mktemp -d /var/tmp/nova-lab-test.XXXXXX)
one=$work/one two=$work/two three=$work/three
passed=0 failed=0

on_one() { NOVA_LITE_LAB=$one "$program" "$@"; }
on_two() { NOVA_LITE_LAB=$two "$program" "$@"; }
on_three() { NOVA_LITE_LAB=$three "$program" "$@"; }

finish() {
	for lab in "$one" "$two" "$three"; do NOVA_LITE_LAB=$lab "$program" down >/dev/null 2>&1; done
	rm -rf --one-file-system "$work"
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}
trap 'finish; exit $?' EXIT
trap 'exit 130' INT TERM

# check WHAT COMMAND... - the command succeeds;  refuse WHAT STATUS WORDS COMMAND... - it exits so and says so
check() {
	local what=$1 text
	shift
	if text=$("$@" 2>&1); then
		passed=$((passed + 1))
		echo "ok     $what"
	else
		failed=$((failed + 1))
		echo "FAILED $what: $*"
		[ -z "$text" ] || sed 's/^/         /' <<<"$text"
	fi
}
refuse() {
	local what=$1 status=$2 words=$3
	shift 3
	check "$what" refused "$status" "$words" "$@"
}
refused() {
	local status=$1 words=$2 text rc
	shift 2
	text=$("$@" 2>&1)
	rc=$?
	[ $rc = "$status" ] && [[ $text == *"$words"* ]] || { echo "exit status $rc (wanted $status): $text (wanted: $words)"; return 1; }
}
fails() { ! "$@"; }
same() { [ "$1" = "$2" ] || { echo "'$1' is not '$2'"; return 1; }; }
differ() { [ "$1" != "$2" ] || { echo "both are '$1'"; return 1; }; }
# until SECONDS COMMAND... - it succeeds within that time
until_ok() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || { "$@"; return; }
		sleep 0.1
	done
}

state_of() { on_one status --json | jq -r --arg h "$1" --arg s "$2" '.hosts[] | select(.name == $h).services[] | select(.name == $s).state'; }
host_of() { on_one status --json | jq -rc --arg h "$1" ".hosts[] | select(.name == \$h).$2"; }
ask_database() { (eval "$(on_one env)"; PGCONNECT_TIMEOUT=2 timeout 4 psql -Atc "$1"); }
# the broker answers an AMQP header with a Connection.Start frame
broker_answers() {
	timeout 4 "$program" exec "$1" bash -c 'exec 3<>/dev/tcp/HostA/5672; printf "AMQP\0\0\11\1" >&3; head -c 1 <&3' | xxd -p | grep -qx 01
}
reaches() { timeout 2 "$program" exec "$1" bash -c "exec 3<>/dev/tcp/$2/$3" 2>/dev/null; }

# "pid starttime" of every process of a lab, by its namespaces
members() {
	local n=$1 want
	want=$(stat -Lc '%d:%i' "/run/netns/nll$n" "/run/netns/nll$n"-*)
	stat -Lc '%d:%i %n' /proc/[0-9]*/ns/net 2>/dev/null | grep -F "$want" | sed 's,.*/proc/\([0-9]*\)/.*,\1,' |
		while read -r pid; do echo "$pid $(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f20)"; done
}
number() { sed -n 's/^LAB_NUM=//p' "$1/lab.conf"; }
# nothing of lab number $1 with directory $2, whose members are listed in file $3, is left
nothing_left() {
	local pid start stat bad=0
	while read -r pid start; do
		[ -r "/proc/$pid/stat" ] || continue
		read -r -a stat <<<"$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null)"
		[ "${stat[19]:-}" = "$start" ] && [ "${stat[0]}" != Z ] && { echo "process $pid lives: $(tr '\0' ' ' <"/proc/$pid/cmdline")"; bad=1; }
	done <"$3"
	ls -d "/run/netns/nll$1" "/run/netns/nll$1"-* 2>/dev/null && bad=1
	ls -d "/sys/class/net/nll$1" "/sys/class/net/nll${1}p" 2>/dev/null && bad=1
	grep -lsE "$2/|/netns/nll$1[ -]" /proc/[0-9]*/mounts && bad=1
	[ -e "/run/nova-lite-lab/$1" ] && { echo "number $1 is still taken"; bad=1; }
	[ -e "$2" ] && { echo "$2 is still there"; bad=1; }
	return $bad
}

domain() {
	cat <<-TEXT
		<domain type='qemu'><name>$1</name><uuid>$2</uuid><memory unit='MiB'>32</memory><vcpu>1</vcpu>
		<os><type arch='x86_64' machine='pc'>hvm</type></os>
		<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
		<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none'/>
		<source file='/var/lib/nova-lite/instances/$1.qcow2'/><target dev='vda' bus='virtio'/></disk>
		<interface type='bridge'><source bridge='br-private'/><model type='virtio'/></interface>
		<controller type='usb' model='none'/><memballoon model='none'/></devices></domain>
	TEXT
}

export NOVA_LITE_LAB=$one
echo "# wrong use"
refuse "an unknown command is named" 2 "no command 'fly'" "$program" fly
refuse "no lab yet: says what to do" 1 "nova-lite-lab up" on_one status
refuse "a bad number of hosts" 2 "--hosts" on_one up --hosts zero
refuse "a bad storage" 2 "--shared" on_one up --shared floppy
refuse "a bad size of storage" 2 "--storage-size" on_one up --storage-size big
refuse "a size of storage that is not shared" 2 "--storage-size" on_one up --shared local --storage-size 1G
refuse "a bad way to know users" 2 "none or builtin" on_one up --auth magic
refuse "a bad setting" 2 "GROUP.KEY" on_one up --set novalue
refuse "a missing value" 2 "--hosts" on_one up --hosts
refuse "a directory the hosts cover" 1 "cannot hold a lab" env NOVA_LITE_LAB=/run/lab "$program" up --no-services
mkdir "$work/full" && touch "$work/full/file"
refuse "a directory with other files" 1 "other files" env NOVA_LITE_LAB="$work/full" "$program" up --no-services
refuse "no programs" 1 "nova-lite-api" env NOVA_LITE_BINDIR="$work" "$program" up
rm -rf "$one"
check "down without a lab is fine" on_one down

echo "# two labs side by side"
t0=${EPOCHREALTIME/./}
on_two up --no-services --hosts 1 --shared local >"$work/two.out" 2>&1 &
check "first lab comes up" on_one up --no-services --shared $storage --set libvirt.live_migration_bandwidth=7 --set DEFAULT.debug=true
wait $! || { failed=$((failed + 1)); cat "$work/two.out"; }
t1=${EPOCHREALTIME/./}
echo "         both ready after $(((t1 - t0) / 1000)) ms"
check "both within 25 s on any machine" [ $((t1 - t0)) -lt 25000000 ]
check "numbers differ" differ "$(number "$one")" "$(number "$two")"
check "up again changes nothing" on_one up --no-services
net_one=10.79.$(number "$one") net_two=10.79.$(number "$two")
check "three hosts with power" same "$(on_one status --json | jq -c '[.ready, (.hosts[] | [.name, .up, .link])]')" \
	'[true,["HostA",true,"up"],["HostB",true,"up"],["HostC",true,"up"]]'
check "all services run" same "$(on_one status --json | jq -c '[.hosts[].services[].state] | unique')" '["running"]'
check "the table names the hosts" grep -q "HostC.*$net_one.12.*libvirtd" <(on_one status)
check "a host's name" same "$(on_one exec HostC hostname)" HostC
check "boot ids differ" differ "$(host_of HostB boot_id)" "$(host_of HostC boot_id)"
check "not this machine's boot id" differ "$(host_of HostB boot_id)" "$(cat /proc/sys/kernel/random/boot_id)"
uuid_of() { (eval "$(on_one env)"; uri=VIRSH_${1^^}; virsh -c "${!uri}" capabilities | sed -n 's,.*<uuid>\(.*\)</uuid>,\1,p'); }
uuid_b=$(uuid_of HostB)
check "virsh from here; libvirt's host UUIDs differ" differ "$uuid_b" "$(uuid_of HostC)"
check "env of a lab without users: no password of another one" same "$(export OS_PASSWORD=x OS_PROJECT_NAME=y; eval "$(on_one env)"; echo "$OS_AUTH_TYPE ${OS_PASSWORD:-} ${OS_PROJECT_NAME:-}")" "none  "
check "PostgreSQL from here" same "$(ask_database 'select current_user')" nova
check "fsync is on" same "$(ask_database 'show fsync')" on
check "RabbitMQ from a host" broker_answers HostB
check "shared storage is what libvirt accepts" same "$(on_one exec HostB findmnt -no FSTYPE /var/lib/nova-lite/instances)" $fstype
on_one exec HostB sh -c 'echo hello >/var/lib/nova-lite/instances/note'
check "HostC reads what HostB wrote" same "$(on_one exec HostC cat /var/lib/nova-lite/instances/note)" hello
check "and so does HostA" same "$(on_one exec HostA cat /var/lib/nova-lite/instances/note)" hello
check "the other lab does not" fails on_two exec HostB test -e /var/lib/nova-lite/instances/note
on_two exec HostA touch /var/lib/nova-lite/instances/mine
check "local storage is not shared" fails on_two exec HostB test -e /var/lib/nova-lite/instances/mine
check "the labs do not reach each other" fails reaches HostB "$net_two.10" 5432
check "exec: exit status" same "$(on_one exec HostB sh -c 'exit 7'; echo $?)" 7
check "exec: arguments stay apart" same "$(on_one exec HostB printf '%s|' 'a b' 'c*')" 'a b|c*|'
check "exec: standard input" same "$(echo in | on_one exec HostB cat)" in
check "br-private exists" on_one exec HostB test -d /sys/class/net/br-private/bridge
check "--set is in every configuration" same "$(cat "$one"/Host?/nova-lite.conf | grep -c 'live_migration_bandwidth = 7')" 3
on_one set HostC libvirt.live_migration_bandwidth 9
on_one set HostC neutron.new '$a & \b'
check "set changes one option" same "$(grep -c 'live_migration_bandwidth = 9' "$(on_one conf HostC)")$(grep -c bandwidth "$(on_one conf HostC)")" 11
check "set takes any value literally" grep -qxF 'new = $a & \b' "$(on_one conf HostC)"
check "the other host keeps its own" grep -q 'live_migration_bandwidth = 7' "$(on_one conf HostB)"
refuse "set: a name without group" 2 GROUP.KEY on_one set HostB debug true
refuse "an unknown host" 1 "HostA HostB HostC" on_one exec HostQ true
refuse "an unknown service" 1 "libvirtd compute" on_one kill HostB postgres

echo "# services"
boot_b=$(host_of HostB boot_id)
check "kill libvirtd" on_one kill HostB libvirtd
check "it is dead" same "$(state_of HostB libvirtd)" dead
refuse "kill it again" 1 "not running" on_one kill HostB libvirtd
check "start it" on_one start HostB libvirtd
check "it answers" on_one exec HostB virsh -c qemu:///system hostname
check "the boot id stays" same "$(host_of HostB boot_id)" "$boot_b"
check "start what runs is fine" on_one start HostB libvirtd
check "pause libvirtd" on_one pause HostB libvirtd
check "it is paused, its guests unknown" same "$(state_of HostB libvirtd) $(host_of HostB domains)" "paused null"
refuse "start what is paused" 1 resume on_one start HostB libvirtd
check "resume libvirtd" on_one resume HostB libvirtd
check "it answers again" on_one exec HostB timeout 5 virsh -c qemu:///system hostname
ask_database 'create table kept as select 42 as answer' >/dev/null
check "kill postgres" on_one kill HostA postgres
check "it is gone" fails ask_database 'select 1'
check "no process of it is left" fails on_one exec HostA pgrep -u postgres
check "start postgres" on_one start HostA postgres
check "committed data is there" same "$(ask_database 'select answer from kept')" 42
check "pause postgres" on_one pause HostA postgres
check "a query waits" fails ask_database 'select 1'
check "resume postgres" on_one resume HostA postgres
check "it answers again" until_ok 5 ask_database 'select 1'
check "kill rabbitmq" on_one kill HostA rabbitmq
check "it is gone" fails broker_answers HostB
check "start rabbitmq" on_one start HostA rabbitmq
check "it answers" broker_answers HostB
check "kill the storage server" on_one kill HostA storage
check "hosts do without it" fails on_one exec HostC timeout -s KILL 3 cat /var/lib/nova-lite/instances/note
check "start it" on_one start HostA storage
check "hosts find it again" until_ok 15 on_one exec HostC grep -qx hello /var/lib/nova-lite/instances/note
check "pause rabbitmq" on_one pause HostA rabbitmq
check "it says nothing" fails broker_answers HostB
check "resume rabbitmq" on_one resume HostA rabbitmq
check "it answers again" until_ok 5 broker_answers HostB
refuse "start: an environment that is none" 2 NAME=VALUE on_one start HostB libvirtd debug
on_one kill HostB libvirtd
on_one start HostB libvirtd LAB_TEST=yes
check "start: environment" on_one exec HostB sh -c 'tr "\0" "\n" </proc/$(pgrep -x libvirtd)/environ | grep -qx LAB_TEST=yes'
check "logs: PostgreSQL" grep -q 'database system is ready' <(on_one logs HostA postgres)

echo "# guests"
id1=11111111-2222-4333-8444-555555555555 id2=11111111-2222-4333-8444-666666666666
for guest in g1 g2; do on_one exec HostB qemu-img create -q -f qcow2 /var/lib/nova-lite/instances/$guest.qcow2 8M; done
domain g1 $id1 >"$work/g1.xml"
domain g2 $id2 >"$work/g2.xml"
check "a guest starts" on_one exec HostB virsh -q -c qemu:///system create "$work/g1.xml"
check "another one" on_one exec HostB virsh -q -c qemu:///system create "$work/g2.xml"
check "status shows both" same "$(host_of HostB domains)" \
	"[{\"uuid\":\"$id1\",\"name\":\"g1\",\"state\":\"running\"},{\"uuid\":\"$id2\",\"name\":\"g2\",\"state\":\"running\"}]"
check "a second start elsewhere is refused by the image lock" fails on_one exec HostC virsh -q -c qemu:///system create "$work/g1.xml"
check "live migration without --unsafe" on_one exec HostB virsh -q -c qemu:///system migrate --live --p2p g1 qemu+tcp://HostC/system
check "it runs on the other host" same "$(host_of HostC 'domains[0].state')" running
check "pause the guest's QEMU" on_one pause HostC qemu $id1
check "its process stands still" same "$(on_one exec HostC ps -o stat= -C qemu-system-x86 | cut -c1)" T
check "resume" on_one resume HostC qemu $id1
check "its process runs" differ "$(on_one exec HostC ps -o stat= -C qemu-system-x86 | cut -c1)" T
check "kill libvirtd: the guest runs on" on_one kill HostC libvirtd
check "(it does)" on_one exec HostC pgrep -x qemu-system-x86
check "start libvirtd" on_one start HostC libvirtd
check "it finds the guest" same "$(host_of HostC 'domains[0].name')" g1
check "kill that QEMU" on_one kill HostC qemu $id1
no_guests() { [ "$(host_of "$1" domains)" = "[]" ]; }
check "the guest is gone" until_ok 5 no_guests HostC
refuse "kill a QEMU that is not there" 1 "not running" on_one kill HostC qemu $id1

echo "# links"
check "cut the database's port" on_one link HostA down --port 5432
check "it is cut" fails ask_database 'select 1'
check "for hosts too" fails reaches HostB HostA 5432
check "not RabbitMQ's" reaches HostB HostA 5672
check "status shows it" same "$(host_of HostA blocked_ports)" "[5432]"
check "plug it again" on_one link HostA up --port 5432
check "it works" ask_database 'select 1'
check "cut one host off the database" on_one link HostB down --port 5432
check "HostB does not reach it" fails reaches HostB HostA 5432
check "HostC does" reaches HostC HostA 5432
check "pull HostC's cable" on_one link HostC down
check "status shows it" same "$(host_of HostC link)" down
check "HostC reaches nothing" fails reaches HostC HostA 5432
check "nothing reaches HostC" fails reaches HostA HostC 16509
check "plug both in" on_one link HostC up
check "HostC is back" until_ok 5 reaches HostC HostA 5432
check "plug HostB in: opens its ports too" on_one link HostB up
check "HostB is back" until_ok 5 reaches HostB HostA 5432

echo "# power"
# a connection from HostC to HostB must not see the end of a host that loses power
on_one exec HostC bash -c 'exec 3<>/dev/tcp/HostB/16509; echo open; read -t 3 -u 3; echo $?' >"$work/peer" &
peer=$!
until_ok 5 grep -q open "$work/peer"
check "power failure" on_one kill HostB host
wait $peer
check "peers see no FIN" [ "$(tail -n 1 "$work/peer")" -gt 128 ]
check "no power" same "$(host_of HostB power) $(host_of HostB up)" "off false"
check "its guest is dead" fails pgrep -f "$id2"
refuse "exec says so" 1 "no power" on_one exec HostB true
refuse "and kill" 1 "no power" on_one kill HostB host
check "boot" on_one boot HostB
refuse "boot again" 1 "power already" on_one boot HostB
check "a new boot id" differ "$(host_of HostB boot_id)" "$boot_b"
check "the same host UUID" same "$(uuid_of HostB)" "$uuid_b"
check "instances are mounted again" same "$(on_one exec HostB cat /var/lib/nova-lite/instances/note)" hello
check "no guests" same "$(host_of HostB domains)" "[]"
check "pause a whole host" on_one pause HostC host
check "status says so" same "$(host_of HostC power)" paused
check "its libvirtd is silent" fails timeout 2 virsh -c "qemu+tcp://$net_one.12/system" hostname
check "resume it" on_one resume HostC host
check "its libvirtd answers" timeout 5 virsh -c "qemu+tcp://$net_one.12/system" hostname
check "power failure of the controller" on_one kill HostA host
check "boot it" on_one boot HostA
check "committed data survived" same "$(ask_database 'select answer from kept')" 42
check "RabbitMQ is back" broker_answers HostB
check "shared storage is back on a host that stayed up" until_ok 20 on_one exec HostC cat /var/lib/nova-lite/instances/note

echo "# ends"
number_one=$(number "$one") number_two=$(number "$two")
members "$number_one" >"$work/members1"
members "$number_two" >"$work/members2"
check "(there was something to stop)" [ "$(wc -l <"$work/members1")" -gt 20 ]
check "down" on_one down
check "nothing is left of the first lab" nothing_left "$number_one" "$one" "$work/members1"
check "down again" on_one down
check "the second lab is untouched" same "$(on_two status --json | jq -c '[.hosts[].services[].state] | unique')" '["running"]'
rm -rf --one-file-system "$two"
check "down of a lab whose directory is gone" on_two down
check "nothing is left of the second lab" nothing_left "$number_two" "$two" "$work/members2"

setsid "$program" up --no-services >/dev/null 2>&1 &
crash=$!
until_ok 10 test -e "$one/HostC/init"
kill -9 -- -$crash
wait $crash 2>/dev/null
number_one=$(number "$one")
members "$number_one" >"$work/members1"
check "(up was killed in its middle)" [ "$(sed -n 's/^LAB_READY=//p' "$one/lab.conf")$(wc -l <"$work/members1")" != "no0" ]
refuse "up over the remains" 1 "nova-lite-lab down" on_one up --no-services
check "down after a crash of up" on_one down
check "nothing is left of it" nothing_left "$number_one" "$one" "$work/members1"
echo "# nova-lite in the lab"
t0=${EPOCHREALTIME/./}
check "up with all services and users" on_three up --shared $storage --storage-size 20G --auth builtin --set DEFAULT.report_interval=2 --set DEFAULT.service_down_time=6
t1=${EPOCHREALTIME/./}
echo "         ready after $(((t1 - t0) / 1000)) ms"
size=$(on_three exec HostB df -BG --output=size /var/lib/nova-lite/instances | tail -1 | tr -dc '0-9')
check "the shared storage has the size that was asked for" eval '((size >= 18 && size <= 20))'
three_is() { same "$(on_three status --json | jq -r --arg h "$1" --arg s "$2" '.hosts[] | select(.name == $h).services[] | select(.name == $s).state')" "$3"; }
# as a user: with the password and project of `env', a token and the catalogue's compute endpoint
token=
log_in() {
	(eval "$(on_three env)"
	jq -n '{auth: {identity: {methods: ["password"], password: {user: {name: env.OS_USERNAME, password: env.OS_PASSWORD,
		domain: {name: env.OS_USER_DOMAIN_NAME}}}}, scope: {project: {name: env.OS_PROJECT_NAME,
		domain: {name: env.OS_PROJECT_DOMAIN_NAME}}}}}' |
		curl -s --noproxy '*' -m 5 -D - -o "$work/token" -H 'Content-Type: application/json' -d @- "$OS_AUTH_URL/v3/auth/tokens" |
		tr -d '\r' | sed -n 's/^x-subject-token: //Ip')
}
compute() { jq -r '.token.catalog[] | select(.type == "compute").endpoints[] | select(.interface == "public").url' "$work/token"; }
services() { curl -s --noproxy '*' -m 5 -H "X-Auth-Token: $token" "$(compute)/os-services" | jq -c "[.services[] | select($1)] | length"; }
up_is() { same "$(services '.state == "up"')" "$1"; }
token=$(log_in)
check "the lab's user gets a token" [ "${#token}" -gt 20 ]
check "it is an administrator's" same "$(jq -c '[.token.user.name, .token.project.name, (.token.roles | map(.name) | index("admin") != null)]' "$work/token")" '["admin","default",true]'
check "three services are up" up_is 3
status_without() { curl -s --noproxy '*' -m 5 -o /dev/null -w '%{http_code}' -H "X-Auth-Token: $1" "$(compute)/servers"; }
check "without a token of this lab nobody is served" same "$(status_without x)" 401
check "the file for clients has the same user" same "$(eval "$(on_three env)"; unset OS_USERNAME OS_PASSWORD OS_AUTH_URL OS_AUTH_TYPE OS_PROJECT_NAME; timeout 30 openstack --os-cloud lab flavor show m1.nano -c ram -f value)" 64
# the image comes from a service that wants to know who asks
on_compute() { (eval "$(on_three env)"; nova-lite boot --flavor m1.nano --image testguest --wait guest && nova-lite delete --wait guest); }
check "a server is built and deleted" on_compute
check "nova-manage from here" grep -q 'nova-compute *enabled *:-)' <(eval "$(on_three env)"; nova-manage service list)
check "flavors" grep -q m1.nano <(eval "$(on_three env)"; nova-lite flavor-list)
check "images" grep -q testguest-busy <(eval "$(on_three env)"; nova-lite image-list)
check "clients on a host" grep -q m1.tiny <(on_three exec HostC nova-lite flavor-list)
check "kill compute" on_three kill HostB compute
check "it is dead" three_is HostB compute dead
check "its host counts as down when its lease is over" until_ok 20 up_is 2
check "start it" on_three start HostB compute
check "its host is up again" until_ok 20 up_is 3
check "set and reload" eval 'on_three set HostB DEFAULT.debug true && on_three reload HostB compute'
check "it says so" until_ok 10 eval 'on_three logs HostB compute | grep -q "reloaded.*debug"'
on_three kill HostB compute
on_three set HostB libvirt.virt_type steam
refuse "start with a bad configuration: the daemon's words" 1 "virt_type: 'steam'" on_three start HostB compute
on_three set HostB libvirt.virt_type qemu
check "start with a good one" on_three start HostB compute
check "pause the scheduler" on_three pause HostA scheduler
check "it is paused" three_is HostA scheduler paused
check "resume it" on_three resume HostA scheduler
check "kill the API" on_three kill HostA api
check "it is gone" fails on_three exec HostC bash -c 'exec 3<>/dev/tcp/HostA/8774'
check "start it" on_three start HostA api
check "it answers" up_is 3
check "power failure of a compute host" on_three kill HostC host
check "boot it: its compute service runs" on_three boot HostC
check "and is up" until_ok 20 up_is 3
number_three=$(number "$three")
members "$number_three" >"$work/members3"
check "down" on_three down
check "nothing is left" nothing_left "$number_three" "$three" "$work/members3"

echo "# more hosts"
check "up --hosts 4, down --keep, down" eval 'on_three up --no-services --hosts 4 && on_three down --keep && test -e "$three/HostE/log" && on_three down && test ! -e "$three"'
