#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The hypervisor and storage parts of nova-lite-compute (src/compute/virt.h, storage.h), without the daemon, on two lab
# hosts: domains, moves with and without the strict switch, and what happens when libvirtd, a QEMU, a cable or the
# storage hangs or dies.  Needs root, the lab's packages and a build (NOVA_LITE_BINDIR, default ./build).
#	tests/system/virt.sh [gluster|nfs]
set -u
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$(readlink -f "${NOVA_LITE_BINDIR:-$top/build}")
tool=$build/tests/system/virt_tool
work=$(mktemp -d /var/tmp/nova-virt-test.XXXXXX)
export NOVA_LITE_LAB=$work/lab
program=$top/lab/nova-lite-lab
instances=/var/lib/nova-lite/instances
one=6f70656e-0000-4000-8000-000000000001
two=6f70656e-0000-4000-8000-000000000002
three=6f70656e-0000-4000-8000-000000000003
passed=0 failed=0

make -s -C "$build" tests/system/virt_tool || { echo "virt.sh: cannot build $tool"; exit 1; }

finish() {
	"$program" down >/dev/null 2>&1
	rm -rf --one-file-system "$work"
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}
trap 'finish; exit $?' EXIT
trap 'exit 130' INT TERM

lab() { "$program" "$@"; }
# on HOST ARG...: the tool there; what it says is kept in $said.  A call that comes back late has status 3.
on() {
	local host=$1
	shift
	said=$(lab exec "$host" env DEADLINE="${deadline:-5000}" "$tool" "$work/lab/$host/nova-lite.conf" "$@" 2>&1)
}
# says WHAT STATUS PATTERN HOST ARG...: the tool's exit status and a pattern its output must match
says() {
	local what=$1 status=$2 pattern=$3 rc
	shift 3
	on "$@"
	rc=$?
	if [ $rc = "$status" ] && [[ $said == $pattern ]]; then
		passed=$((passed + 1))
		echo "ok     $what"
	else
		failed=$((failed + 1))
		echo "FAILED $what: $* (status $rc, wanted $status; wanted: $pattern)"
		sed 's/^/         /' <<<"$said"
		lab status | grep -w libvirtd | grep -w dead
	fi
}
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
# eventually WHAT PATTERN HOST ARG...: like says, with status 0, tried for 20 s
eventually() {
	local what=$1 pattern=$2 end=$((SECONDS + 20))
	shift 2
	while ! { on "$@" && [[ $said == $pattern ]]; } && [ $SECONDS -lt $end ]; do sleep 0.5; done
	says "$what" 0 "$pattern" "$@"
}
value() { sed -n "s/.*\b$1=\([^ ]*\).*/\1/p" <<<"$said" | tail -n 1; }
less() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a < b) }' || { echo "$1 is not less than $2"; return 1; }; }
disk() { echo "$instances/$1/disk"; }
log() { echo "$instances/$1/console.$2.log"; }
# make_guest UUID [mkguest option...]
make_guest() {
	local uuid=$1
	shift
	lab exec HostB mkdir -p "$instances/$uuid"
	lab exec HostB "$top/lab/guest/mkguest" "$(disk "$uuid")" "$@"
}

check "the lab comes up" lab up --no-services --shared "${1:-gluster}"
make_guest $one --preset busy
make_guest $two
make_guest $three

# --- this host ------------------------------------------------------------------------------------
says "inventory" 0 "hostname=HostB *type=QEMU version=* pc=pc-i440fx-*cpu={*machines=*pc-i440fx-*" HostB inventory
says "storage is good and known" 0 "*shared=1 mounted=1 * fsid=*" HostB storage $instances
fsid=$(value fsid)
says "the other host sees the same storage" 0 "*fsid=$fsid *" HostC storage $instances
says "no nonce yet" 0 "*seen=0*" HostC nonce seen $instances n-1
says "a nonce is left" 0 "*ok*" HostB nonce put $instances n-1
says "a nonce is seen on the other host" 0 "*seen=1*" HostC nonce seen $instances n-1
says "a nonce is removed" 0 "*ok*" HostB nonce remove $instances n-1
says "and gone on the other host" 0 "*seen=0*" HostC nonce seen $instances n-1
says "a host's own directory is not shared" 0 "*shared=0*" HostB storage /var/lib/libvirt

# --- domains --------------------------------------------------------------------------------------
says "no such domain is an answer" 0 "seen=absent job=0 end=unknown token=-1 *" HostB observe - $one instance-00000001
says "a guest starts" 0 "ok*" HostB create $one 1 "$(disk $one)" "$(log $one 1)" 1 160
says "it is seen" 0 "seen=running job=0 end=unknown token=1 operation=1 *" HostB observe - $one instance-00000001
says "it is seen from the other host" 0 "seen=running job=0 * token=1 operation=1 *" HostC observe HostB $one
says "but not on the other host" 0 "seen=absent *" HostC observe - $one
says "it is listed" 0 "uuid=$one name=instance-00000001 seen=running *token=1 *" HostB list
says "it is not started twice" 1 "error=Conflict:*" HostB create $one 1 "$(disk $one)" "$(log $one 1)" 1 160
says "nor on another host while it runs" 1 "error=*lock*" HostC create $one 1 "$(disk $one)" "$(log $one 9)" 1 160
says "its process can be watched" 0 "ok*" HostB pidfd $one
says "not where it does not run" 1 "error=InstanceNotFound:*" HostC pidfd $one
says "its disk opens on the other host" 0 "ok*" HostC disk "$(disk $one)"
says "its cpu fits the other host" 0 "*ok*" HostC cpu HostB $one pc-i440fx-7.2
says "an unknown machine type does not" 1 "*error=MigrationPreCheckError: *'pc-i440fx-99.9'*" \
	HostC cpu HostB $one pc-i440fx-99.9
says "its owner is written" 0 "ok*" HostB set-owner - $one 5 9
says "from the other host too" 0 "ok*" HostC set-owner HostB $one 1 10
says "and read" 0 "seen=running * token=1 operation=10 *" HostB observe - $one
says "it is paused" 0 "ok*" HostB suspend $one
says "which is seen" 0 "seen=paused (user) job=0 *" HostB observe - $one
says "it is resumed from the other host" 0 "ok*" HostC resume HostB $one
says "again is fine" 0 "ok*" HostB resume - $one
says "an address that is none is refused" 1 "error=Invalid:*" HostB observe 'a/b' $one
says "an address nobody has is an error" 1 "error=HypervisorUnavailable:*" HostB observe HostZ $one

# --- moves ----------------------------------------------------------------------------------------
token=1 from=HostB to=HostC logs=("$(log $one 1)") strict_pauses=() plain_pauses=()
for mode in plain strict strict plain plain strict strict plain; do
	token=$((token + 1))
	says "$mode move to $to" 0 "moved=1 *" $from migrate $one $to $mode $token "$(log $one $token)"
	[ $mode = strict ] && strict_pauses+=("$(value pause)") || plain_pauses+=("$(value pause)")
	says "it runs there" 0 "seen=running * token=$token operation=2 *" $to observe - $one
	says "and is gone here" 0 "seen=absent job=0 end=migrated token=-1 *" $from observe - $one instance-00000001
	logs+=("$(log $one $token)")
	swap=$from from=$to to=$swap
done
echo "       guest's pause in ms: strict ${strict_pauses[*]}, plain ${plain_pauses[*]}"
for pause in "${strict_pauses[@]}"; do check "the pause is short" less "$pause" 3000; done
sleep 1
lab exec HostB cat "${logs[@]}" >"$work/all.log"
check "memory, disk and counter are intact" "$top/lab/guest/checkserial" "$work/all.log"
token=$((token + 1))
says "an abort in mid-copy" 0 \
	"job=1 total=* source=running,1,$((token - 1)) dest=paused (migrating),0,$token returned=1 said=*canceled*ok*" \
	HostB abort $one HostC $token "$(log $one $token)"
says "leaves it running" 0 "seen=running job=0 * token=$((token - 1)) *" HostB observe - $one
says "and the destination empty" 0 "seen=absent *" HostB observe HostC $one

# --- a QEMU that hangs ----------------------------------------------------------------------------
says "a second guest" 0 "ok*" HostB create $two 2 "$(disk $two)" "$(log $two 1)" 1 64
lab pause HostB qemu $two
deadline=3000 says "a frozen guest: calls end in time, its neighbour is served" 0 "failed=6 * stuck=2 ok*" \
	HostB crowd $two $one
says "a frozen guest is still seen" 0 "seen=running *" HostB observe - $two
lab resume HostB qemu $two
eventually "thawed it is well" "seen=* job=0 *" HostB observe - $two
lab pause HostB qemu $two
deadline=40000 says "a frozen guest can be destroyed" 0 "ok*" HostB destroy - $two
says "and is gone" 0 "seen=absent job=0 end=destroyed *" HostB observe - $two instance-00000002
says "again is fine" 0 "ok*" HostB destroy - $two

# --- a QEMU that dies while it is moved --------------------------------------------------------------
says "a third guest" 0 "ok*" HostB create $three 3 "$(disk $three)" "$(log $three 1)" 1 160
for ((i = 0; i < 100; i++)); do lab exec HostB grep -q '^C' "$(log $three 1)" && break; sleep 0.1; done
says "a guest that reboots says so" 0 "rebooted=1 ok*" HostB reboot $three
lab exec HostB virsh -q migrate --live --p2p --bandwidth 1 instance-00000003 qemu+tcp://HostC/system \
	>"$work/virsh" 2>&1 &
sleep 1
says "a job of somebody else is seen" 0 "seen=running job=1 *" HostB observe - $three
says "adopted, its process watched and killed" 0 "watches=1 dead=1 ok*" HostB adopt $three HostC 9
wait $!
says "the source says how it ended" 0 "seen=absent job=0 end=crashed *" HostB observe - $three instance-00000003
says "the destination has nothing" 0 "seen=absent *" HostB observe HostC $three

# --- a libvirtd that hangs or dies ------------------------------------------------------------------
lab exec HostB env DEADLINE=1000 "$tool" "$work/lab/HostB/nova-lite.conf" watch 12000 - HostC >"$work/watch" 2>&1 &
watcher=$!
sleep 1
lab pause HostB libvirtd
sleep 2.5
lab resume HostB libvirtd
sleep 1.5
lab kill HostB libvirtd
sleep 1.5
lab start HostB libvirtd >/dev/null
sleep 1.5
lab pause HostC libvirtd
sleep 1.5
lab resume HostC libvirtd
wait $watcher
check "no call was late" test $? = 0
ups() { [ "$(grep -c "^t=[0-9]* $1 up=$2 " "$work/watch")" = "$3" ] || { cat "$work/watch"; return 1; }; }
check "this host's libvirt went twice" ups - 0 2
check "and came back twice" ups - 1 3
check "the other host's went once" ups HostC 0 1
check "and came back" ups HostC 1 2
check "no call is left behind" grep -q "stuck=0$" "$work/watch"
says "the guest has not noticed" 0 "seen=running job=0 * token=$((token - 1)) *" HostB observe - $one

# --- a cable that is pulled, a storage that hangs ----------------------------------------------------
lab link HostC down
deadline=2000 says "a host without a cable: an error in time, not an answer" 1 "error=HypervisorUnavailable:*" \
	HostB observe HostC $one
lab link HostC up
eventually "with it again, an answer" "seen=absent *" HostB observe HostC $one
if [ "${1:-gluster}" = gluster ]; then
	lab pause HostA storage
	deadline=1000 says "a storage that hangs: an error in time" 1 "error=StorageError: *does not answer*" \
		HostC storage $instances
	lab resume HostA storage
	eventually "thawed it is well" "*fsid=$fsid *" HostC storage $instances
fi
says "the guest shuts down when asked" 0 "ok*" HostB shutdown $one
eventually "and libvirt says why it is gone" "seen=absent job=0 end=shutdown *" HostB observe - $one instance-00000001
