#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The guest for tests can be trusted: it boots fast, counts, keeps its counter on disk, reacts to the power button,
# survives a live migration, and does report memory and disk content that was changed behind its back.
set -u
source "$(dirname "$0")/guestlib.bash"
needs qemu-system-x86_64 qemu-img as ld python3

field() { "$guest/checkserial" "$work/$1.log" "$2"; }
counter_reaches() { [ "$(field "$1" counter)" -ge "$2" ]; }
refused() { ! "$@" 2>/dev/null; }

# log NAME LINE...: a made-up serial log; verdict_is NAME VERDICT FIELD VALUE
log() {
    local name=$1
    shift
    printf '%s\n' "$@" >"$work/$name.log"
}
verdict_is() {
    local got
    got="$(field "$1" verdict) $(field "$1" "$3")"
    [ "$got" = "$2 $4" ] || { echo "  got '$got'"; return 1; }
}

echo "# checkserial"
B='B 0000000000 E 00000000 D 00000000 I 00000001 N 00000001 R 00000001 00000009'
C10='C 0000000010 E 00000000 D 00000000 W 0000000000'
C20='C 0000000020 E 00000000 D 00000000 W 0000000020'
C50='C 0000000050 E 00000000 D 00000000 W 0000000020'
log good "$B" "$C10" "$C20" "${B/B 0000000000/B 0000000020}" 'C 0000000030 E 00000000 D 00000000 W 0000000020'
check "a clean log with a reset is ok" verdict_is good ok resets 1
log back "$B" "$C20" "$C10"
check "a counter that falls is seen" verdict_is back back went_back 1
log twin "$B" "$C10" "$C20" "$C20"
check "a counter that repeats is seen" verdict_is twin back went_back 1
log lost "$B" "$C10" "$C20" "$B"
check "a disk that forgot is seen" verdict_is lost disk disk_lost 1
log gap "$B" "$C10" "$C20" "$C50"
check "lost lines are seen as a gap" verdict_is gap ok largest_gap 30
log memory "$B" "${C10/E 00000000/E 00000002}"
check "memory errors are seen" verdict_is memory memory memory_errors 2
log other "$B" "${B/I 00000001/I 00000002}"
check "another guest in the same log is seen" verdict_is other identity identity 00000001,00000002
log noise "$B" "$C10" 'C 00000' "$C20"
check "garbled lines are counted" verdict_is noise ok garbled 1
log cut "$B" "$C10"
printf 'C 0000000020 E 000' >>"$work/cut.log"
check "the cut line at the end is left alone" verdict_is cut ok garbled 0
: >"$work/empty.log"
check "an empty log is not ok" verdict_is empty nothing lines 0

echo "# mkguest"
check "an empty range is refused" refused "$guest/mkguest" "$work/no.qcow2" --start-mib 9 --end-mib 9
check "memory below 1 MiB is refused" refused "$guest/mkguest" "$work/no.qcow2" --start-mib 0
check "a tick rate the timer cannot do is refused" refused "$guest/mkguest" "$work/no.qcow2" --hz 5000

for machine in pc q35; do
    echo "# machine type $machine"
    disk=$work/$machine.qcow2
    check "mkguest builds an image" "$guest/mkguest" "$disk"
    check "its size on disk is below 1 MiB" is "$(stat -c %s "$disk")" -lt 1048576
    check "readguest calls it blank" refused "$guest/readguest" "$disk"

    start=$(now_ms)
    qemu a $machine 32 "$disk"
    check "the first line comes within 5 s" within 5 has '^B 0000000000 .* N 00000001' a
    echo "       first line $(($(now_ms) - start)) ms after the start of QEMU"
    check "it counts" within 10 counter_reaches a 100
    from=$(cpu_ms a) start=$(now_ms)
    check "and goes on" within 10 counter_reaches a 300
    echo "       $((($(cpu_ms a) - from) * 100 / ($(now_ms) - start))) % of one CPU"
    check "about 100 units a second" is $(($(now_ms) - start)) -lt 4000
    check "the image in use can be read" is "$("$guest/readguest" "$disk" counter)" -ge 100

    "$qmp" "$work/a.qmp" system_reset >/dev/null
    check "a reset boots it again" within 5 has '^B .* N 00000002' a
    check "with the counter from the disk" is "$(grep -c '^B 0*[1-9]' "$work/a.log")" = 1
    check "and its log is clean" is "$(field a verdict)" = ok

    written=$("$guest/readguest" "$disk" counter)
    stop_qemu a
    qemu a $machine 32 "$disk" -nic user,model=virtio
    check "it boots after a kill, with a NIC" within 5 has '^B .* N 00000003' a
    check "nothing written was lost" is "$(field a counter)" -ge "$written"
    check "it counts again" within 5 has '^C' a
    start=$(now_ms)
    "$qmp" "$work/a.qmp" system_powerdown >/dev/null
    check "the power button ends it within 3 s" within 3 gone a
    echo "       $(($(now_ms) - start)) ms"
    check "it said so" is "$(field a powered_off)" = 1
    check "its last counter is on the disk" is "$("$guest/readguest" "$disk" counter)" = "$(field a counter)"
    check "no error in memory or on disk" is "$(field a verdict)" = ok
    stop_qemu a
done

echo "# memory"
"$guest/mkguest" "$work/clip.qcow2" --end-mib 0 --seed 0xcafe0001
qemu a pc 48 "$work/clip.qcow2"
check "the range is cut to the memory there is" within 5 has '^B .* I cafe0001 .* R 00000001 00000047' a
check "all of it can be used" within 5 counter_reaches a 100
stop_qemu a

# The whole range at each tick, so that a change is met at once.
"$guest/mkguest" "$work/poke.qcow2" --end-mib 2 --pages-per-tick 256 --disk-every 40 --lines 20
qemu a pc 32 "$work/poke.qcow2"
within 5 counter_reaches a 20
check "clean before" is "$(field a verdict)" = ok
check "change the first word of a page" "$qmp" "$work/a.qmp" --poke 0x123000 00
check "the guest reports that page" within 5 has '^M 00123000 ' a
check "change the last word of another" "$qmp" "$work/a.qmp" --poke 0x156fff 00
check "the guest reports it too" within 5 has '^M 00156000 ' a
check "checkserial counts two" within 5 verdict_is a memory memory_errors 2

echo "# disk"
# The guest may be about to overwrite the sector without another look, so try until the change meets a look.
spoil_disk() {
    "$qmp" "$work/a.qmp" human-monitor-command '{"command-line": "qemu-io disk \"write -P 0x55 512 512\""}' >/dev/null 2>&1
    within 1 has '^D LBA 1 is not what was written' a
}
check "the guest reports that its sector was overwritten" within 10 spoil_disk
within 2 is "$(field a disk_errors)" -ge 1
check "checkserial says so" is "$(field a verdict)" = memory,disk
stop_qemu a
check "the errors are on the disk" is "$("$guest/readguest" "$work/poke.qcow2" memory_errors)" = 2
qemu-io -f qcow2 -c 'write -P 0x55 512 512' "$work/poke.qcow2" >/dev/null
check "readguest refuses a damaged sector" refused "$guest/readguest" "$work/poke.qcow2"
qemu a pc 32 "$work/poke.qcow2"
check "the guest reports it at boot" within 5 has '^D LBA 1 holds no valid state' a
stop_qemu a

echo "# special guests"
"$guest/mkguest" "$work/deaf.qcow2" --ignore-power-button
qemu a pc 32 "$work/deaf.qcow2"
within 5 has '^C' a
"$qmp" "$work/a.qmp" system_powerdown >/dev/null
sleep 1.5
check "a guest that ignores the power button runs on" refused gone a
stop_qemu a
"$guest/mkguest" "$work/off.qcow2" --off-after 1
qemu a pc 32 "$work/off.qcow2"
check "a guest powers off by itself" within 5 gone a
check "and says so" is "$(field a powered_off)" = 1
stop_qemu a
"$guest/mkguest" "$work/still.qcow2" --disk-every 0
qemu a pc 32 "$work/still.qcow2"
within 5 counter_reaches a 200
check "a guest without disk writes leaves the disk blank" refused "$guest/readguest" "$work/still.qcow2"
stop_qemu a

echo "# live migration, QEMU to QEMU, same disk, cache=none"
# move PRESET MACHINE TIMES: there and back; the two logs are parts of one.
move() {
    local preset=$1 machine=$2 times=$3 from=m0 to i out disk=$work/move-$1-$2.qcow2 port=$((20000 + $$ % 20000))
    "$guest/mkguest" "$disk" --preset "$preset"
    qemu m0 "$machine" 160 "$disk"
    within 5 has '^C' m0
    cp /dev/null "$work/whole.log"
    for ((i = 1; i <= times; i++)); do
        to=m$i
        qemu "$to" "$machine" 160 "$disk" -incoming "tcp:127.0.0.1:$((port + i))"
        within 5 test -S "$work/$to.qmp"
        "$qmp" "$work/$from.qmp" migrate-set-parameters '{"max-bandwidth": 1073741824}' >/dev/null
        out=$("$qmp" "$work/$from.qmp" --migrate "tcp:127.0.0.1:$((port + i))" 60)
        check "$preset on $machine: migration $i" is "$out" != ""
        echo "       total and downtime in ms: $out"
        stop_qemu "$from"
        cat "$work/$from.log" >>"$work/whole.log"
        check "it counts on the other side" within 10 has '^C .*W' "$to"
        from=$to
    done
    sleep 2
    stop_qemu "$from"
    cat "$work/$from.log" >>"$work/whole.log"
    check "$preset on $machine: one boot, memory and disk intact, never back" verdict_is whole ok boots 1
    check "no line lost" is "$(field whole largest_gap)" -le $(($(field whole usual_gap) * 2))
    check "counter on disk" is "$("$guest/readguest" "$disk" counter)" -gt 0
}
move idle pc 4
move idle q35 2
move busy pc 2
