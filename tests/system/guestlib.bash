# SPDX-License-Identifier: Apache-2.0
# Sourced by the tests of the lab's guests: start QEMUs by hand, wait for what they print, count results.
# Sets $guest (folder of the guest's tools), $qmp and $work (a scratch directory, removed at the end).

guest=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../lab/guest" && pwd)
qmp=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/qmp
work=$(mktemp -d /var/tmp/nova-guest.XXXXXX)
passed=0 failed=0
declare -A pid_of

finish() {
    local name
    for name in "${!pid_of[@]}"; do
        kill -9 "${pid_of[$name]}" 2>/dev/null
    done
    wait 2>/dev/null
    rm -rf "$work"
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}
trap 'finish; exit $?' EXIT
trap 'exit 130' INT TERM

# check WHAT COMMAND...: the command succeeds.
check() {
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok     $what"
    else
        failed=$((failed + 1))
        echo "FAILED $what: $*"
    fi
}

now_ms() {
    local t=$EPOCHREALTIME
    echo $((${t/./} / 1000))
}

# within SECONDS COMMAND...: the command succeeds in that time; tried every 20 ms.
within() {
    local end=$(($(now_ms) + $1 * 1000))
    shift
    until "$@"; do
        [ "$(now_ms)" -lt "$end" ] || return 1
        sleep 0.02
    done
}

# qemu NAME MACHINE MEMORY_MIB IMAGE [option...]: in the background. $work/NAME.log is the serial log, NAME.serial a
# socket to type at, NAME.qmp the QMP socket.
qemu() {
    local name=$1 machine=$2 memory=$3 image=$4
    shift 4
    : >"$work/$name.log"
    rm -f "$work/$name.qmp" "$work/$name.serial"
    qemu-system-x86_64 -accel tcg -machine "$machine" -m "$memory" -nodefaults -display none -vga std \
        -chardev "socket,id=serial,path=$work/$name.serial,server=on,wait=off,logfile=$work/$name.log" -serial chardev:serial \
        -qmp "unix:$work/$name.qmp,server=on,wait=off" \
        -drive "file=$image,if=none,id=disk,format=qcow2,cache=none" \
        -device virtio-blk-pci,drive=disk,bootindex=1 "$@" 2>"$work/$name.err" &
    pid_of[$name]=$!
}

# type_at NAME TEXT: on the serial port, as a person would.
type_at() {
    python3 -c 'import socket, sys, time
port = socket.socket(socket.AF_UNIX)
port.connect(sys.argv[1])
for char in sys.argv[2]:
    port.sendall(char.encode())
    time.sleep(0.01)
time.sleep(0.3)' "$work/$1.serial" "$2"
}

has() {
    grep -qaE "$1" "$work/$2.log"
}

is() {
    [ "$1" "$2" "$3" ]
}

gone() {
    ! kill -0 "${pid_of[$1]}" 2>/dev/null
}

stop_qemu() {
    kill -9 "${pid_of[$1]}" 2>/dev/null
    wait "${pid_of[$1]}" 2>/dev/null
    unset "pid_of[$1]"
}

# cpu_ms NAME: CPU time that QEMU has used.
cpu_ms() {
    local stat
    stat=$(<"/proc/${pid_of[$1]}/stat")
    set -- ${stat##*) }
    echo $(((${12} + ${13}) * 1000 / $(getconf CLK_TCK)))
}

needs() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || {
            echo "$(basename "$0"): '$tool' is missing" >&2
            failed=$((failed + 1))
            exit 1
        }
    done
}
