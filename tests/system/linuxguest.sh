#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The guest for people: boots in seconds without KVM, shows a clock and a shell on the serial port, takes its name from
# the host, goes on through a live migration and powers off by the ACPI power button.
set -u
source "$(dirname "$0")/guestlib.bash"
needs qemu-system-x86_64 qemu-img as ld python3 apt-get dpkg-deb

clock='^[a-z0-9-]+ uptime [0-9]+ s  20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}'
image=$work/linux.qcow2
uptime_of() { grep -aE "$clock" "$work/$1.log" | tail -1 | sed -E 's/.* uptime ([0-9]+) s.*/\1/'; }
lines_of() { grep -caE "$clock" "$work/$1.log"; }
uptime_reaches() { [ "$(uptime_of "$1")" -ge "$2" ] 2>/dev/null; }
welcomed() { [ "$(grep -ca '^Welcome to' "$work/$1.log")" = "$2" ]; }
# The uptimes in the log grow with every line.
steady() { grep -aE "$clock" "$work/$1.log" | sed -E 's/.* uptime ([0-9]+) s.*/\1/' | sort -cnu; }

start=$(now_ms)
check "mklinux builds an image" "$guest/mklinux" "$image"
echo "       $(($(now_ms) - start)) ms with what had to be downloaded"
start=$(now_ms)
check "and again from the packages on disk" "$guest/mklinux" "$image"
check "within 5 s" is $(($(now_ms) - start)) -lt 5000
echo "       $(($(now_ms) - start)) ms"
check "smaller than 32 MiB" is "$(stat -c %s "$image")" -lt $((32 << 20))

for machine in pc q35; do
    echo "# machine type $machine"
    start=$(now_ms)
    qemu a $machine 128 "$image" -nic user,model=virtio,restrict=on \
        -smbios type=11,value=nova-lite.hostname=vm1,value=nova-lite.address=fd00::7,value=nova-lite.address=10.9.8.7
    check "the clock runs within 20 s of the start" within 20 has "$clock" a
    echo "       first clock line after $(($(now_ms) - start)) ms"
    check "one welcome, with the name and address the host told" has '^Welcome to vm1 \(10\.9\.8\.7/24\):' a
    check "it goes on" within 10 uptime_reaches a 5
    from=$(cpu_ms a) start=$(now_ms)
    sleep 3
    echo "       $((($(cpu_ms a) - from) * 100 / ($(now_ms) - start))) % of one CPU"

    type_at a $'\n'
    type_at a $'cat /sys/block/vda/size /proc/sys/kernel/ostype; echo result $((6 * 7))\n'
    check "Enter gives a shell" within 5 has '^result 42' a
    check "with the disk and a Linux" has '^Linux' a
    type_at a $'exit\n'
    lines=$(lines_of a)
    more() { [ "$(lines_of a)" -gt "$lines" ]; }
    check "exit gives back the clock" within 5 more
    check "the clock never went back" steady a
    check "no error on the console" eval '! has "error|cannot|can.t|not found|panic" a'

    "$qmp" "$work/a.qmp" system_reset >/dev/null
    check "a reset boots it again" within 20 welcomed a 2
    within 5 uptime_reaches a 2
    start=$(now_ms)
    "$qmp" "$work/a.qmp" system_powerdown >/dev/null
    check "the power button ends it within 5 s" within 5 gone a
    echo "       $(($(now_ms) - start)) ms"
    check "it said so" has '^vm1 is powering off' a
    stop_qemu a
done

echo "# little memory, no name from the host"
qemu a pc 96 "$image" -uuid 12345678-1234-1234-1234-123456789abc
check "it boots in 96 MiB" within 20 has "$clock" a
check "named after its uuid" has '^Welcome to guest-12345678:' a
stop_qemu a

echo "# live migration, QEMU to QEMU"
port=$((20000 + $$ % 20000))
qemu m0 pc 128 "$image" -smbios type=11,value=nova-lite.hostname=vm1
within 20 uptime_reaches m0 2
for ((i = 1; i <= 3; i++)); do
    from=m$((i - 1)) to=m$i
    qemu $to pc 128 "$image" -smbios type=11,value=nova-lite.hostname=vm1 -incoming "tcp:127.0.0.1:$((port + i))"
    within 5 test -S "$work/$to.qmp"
    "$qmp" "$work/$from.qmp" migrate-set-parameters '{"max-bandwidth": 1073741824}' >/dev/null
    before=$(uptime_of $from)
    out=$("$qmp" "$work/$from.qmp" --migrate "tcp:127.0.0.1:$((port + i))" 60)
    check "migration $i" is "$out" != ""
    echo "       total and downtime in ms: $out"
    stop_qemu $from
    check "the clock goes on" within 5 uptime_reaches $to $((before + 2))
    check "without a boot" welcomed $to 0
    cat "$work/$from.log" >>"$work/whole.log"
done
cat "$work/$to.log" >>"$work/whole.log"
check "the clock never went back" steady whole
"$qmp" "$work/$to.qmp" system_powerdown >/dev/null
check "the power button works after it" within 5 gone $to
