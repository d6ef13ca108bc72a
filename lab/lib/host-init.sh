#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# host-init.sh LAB HOSTDIR - PID 1 of a lab host.  Mounts what makes it a machine of its own, writes
# "ready" to fd 3 and then reaps orphans.  Services are started from outside with in-host.sh.
set -u
LAB=$1 DIR=$2
. "$LAB/lab.conf"
. "$DIR/host.conf"
. "${BASH_SOURCE[0]%/*}/storage-$LAB_SHARED.sh"

fail() { echo "$HOST: $*"; exit 1; }
own() { mkdir -p "$1" && mount --bind "$1" "$2" || fail "cannot mount $1 on $2"; }

hostname "$HOST" || fail "cannot set the host name"
ulimit -c 0

# a new boot id for each boot, unchanged when only a daemon restarts
cat /proc/sys/kernel/random/uuid >"$DIR/boot_id"
mount --bind "$DIR/boot_id" /proc/sys/kernel/random/boot_id || fail "cannot give the host its own boot id"
mount --bind "$LAB/hosts" /etc/hosts || fail "cannot give the host its own /etc/hosts"
for file in hostname machine-id; do
	[ -e "/etc/$file" ] && mount --bind "$DIR/$file" "/etc/$file"
done
mount -t tmpfs -o mode=755 tmpfs /run || fail "cannot mount /run"
mkdir -p /dev/shm
mount -t tmpfs -o mode=1777 tmpfs /dev/shm || fail "cannot mount /dev/shm"
mkdir -p /run/lock /run/nova-lite-lab/bin /run/libvirt
# the administrator's program knows its configuration here, under its own name and nova's
printf '#!/bin/sh\nexec "%s" --config-file "%s" "$@"\n' "${LAB_BINPATH%%:*}/nova-lite-manage" "$DIR/nova-lite.conf" \
	>/run/nova-lite-lab/bin/nova-lite-manage
chmod 755 /run/nova-lite-lab/bin/nova-lite-manage
ln -s nova-lite-manage /run/nova-lite-lab/bin/nova-manage
cp "$LAB/bin/nova" /run/nova-lite-lab/bin/
own "$DIR/state" "$STATE_PATH"
mkdir -p "$INSTANCES_PATH"

case $HOST_ROLE in
controller)
	install -d -o postgres -g postgres -m 755 /run/postgresql
	own "$DIR/postgresql" /var/lib/postgresql
	own "$DIR/rabbitmq" /var/lib/rabbitmq
	own "$DIR/log/rabbitmq" /var/log/rabbitmq
	own "$DIR/etc-rabbitmq" /etc/rabbitmq
	chown postgres:postgres /var/lib/postgresql
	chown rabbitmq:rabbitmq /var/lib/rabbitmq /var/log/rabbitmq
	;;
compute)
	own "$DIR/etc-libvirt" /etc/libvirt
	if [ "$HOST_KIND" = uml ]; then
		# its hostfs cannot hold sockets
		mount -t tmpfs -o mode=755 tmpfs /var/lib/libvirt || fail "cannot mount /var/lib/libvirt"
	else
		own "$DIR/var-libvirt" /var/lib/libvirt
	fi
	# no outgoing connection may happen to take a port that a migration needs
	echo 49152-49215 >/proc/sys/net/ipv4/ip_local_reserved_ports || fail "cannot reserve the migration ports"
	own "$DIR/log/libvirt" /var/log/libvirt
	own "$DIR/cache-libvirt" /var/cache/libvirt
	mkdir -p /etc/libvirt/pki
	;;
esac

# The storage server lives on HostA, so there it is started (and mounted) later, by in-host.sh.
[ "$HOST_ROLE" = controller ] || storage_mount "$INSTANCES_PATH" || fail "cannot mount the shared instances directory"

echo ready >&3
for fd in /proc/$$/fd/*; do
	fd=${fd##*/}
	[ "$fd" -le 2 ] || [ "$fd" = 255 ] || eval "exec $fd>&-"
done
# bash as PID 1 collects every orphan that ends while it waits
while :; do
	sleep infinity &
	wait $!
done
