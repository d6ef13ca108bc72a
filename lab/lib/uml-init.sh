#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# uml-init.sh LAB HOSTDIR LIB - the first part of PID 1 of a User-mode Linux host: what a set of namespaces gets from
# its kernel and from net_plug_ns, this machine does itself.  Then it is host-init.sh.
# The root file system is this machine's, read-only; /tmp, /var/tmp and the host's directory are
# mounted read-write under their own paths.
LAB=$1 DIR=$2 LIB=$3
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sysfs /sys
ln -sf /proc/self/fd /dev/fd
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
for directory in /tmp /var/tmp "$DIR"; do
	mount -t hostfs hostfs "$directory" -o "$directory"
done
# what is written to the host's directory is seen outside within a fraction of a second
echo 20 >/proc/sys/vm/dirty_writeback_centisecs
echo 20 >/proc/sys/vm/dirty_expire_centisecs

mount -t tmpfs tmpfs /run
mkdir -p /run/modules/lib
ln -s /usr/lib/uml/modules /run/modules/lib/modules
for module in tun bridge nfsv4; do
	modprobe -d /run/modules "$module" || echo "no module $module"
done

# The cards do not handle segmentation offload: without these limits the host sends frames that get lost or damaged.
ip -b - <<TEXT
link set lo up
link set vec0 name eth0
link set vec1 name eth1
link set vec2 name mgmt
link set eth0 gso_max_segs 1 gso_max_size 1500
link set eth1 gso_max_segs 1 gso_max_size 1500
link set mgmt gso_max_segs 1 gso_max_size 1500
link add br-private type bridge stp_state 0 forward_delay 0
link set eth1 master br-private up
link set br-private up
addr add $UML_ADDRESS/24 dev eth0
link set eth0 up
addr add $UML_MANAGEMENT/30 dev mgmt
link set mgmt up
TEXT
/usr/bin/python3 "$LIB/uml-agent" serve "$DIR/agent-secret" mgmt "$UML_MANAGEMENT" 7 &

# The outside waits for a file that exists, because a hostfs writes data late but makes files at once.
exec 3> >(read -r line && [ "$line" = ready ] && : >"$DIR/ready")
exec /bin/bash "$LIB/host-init.sh" "$LAB" "$DIR"
