# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# storage-gluster.sh - shared instances by GlusterFS: a brick on HostA, a FUSE mount on every host.
#
# A kind of storage is these functions:
#   storage_host_kind        kind of the compute hosts that can mount it (host-KIND.sh; HostA is always ns)
#   storage_missing          prints the packages or kernel features this machine lacks (nothing: it works)
#   storage_command          (on HostA) sets COMMAND, the server's command line; empty when there is none
#   storage_ready            (on HostA) true once the server answers
#   storage_mount DIR        (on each host) mounts the shared directory; waits a bounded time for the server
#
# No glusterd: its volume files are written by hand, so that a server and a client are one process
# each and ready in a tenth of a second.  libvirt knows fuse.glusterfs as shared storage.
# direct-io and timeouts of zero keep the page cache and attributes of one host from hiding
# what another host wrote.

storage_host_kind() { echo ns; }
storage_missing() {
	command -v glusterfsd >/dev/null || echo "glusterfs-server"
	command -v glusterfs >/dev/null || echo "glusterfs-client"
	[ -e /dev/fuse ] || echo "/dev/fuse (the kernel's FUSE)"
}

storage_command() {
	mkdir -p "$DIR/export"
	cat >"$DIR/brick.vol" <<TEXT
volume posix
  type storage/posix
  option directory $DIR/export
end-volume
volume locks
  type features/locks
  subvolumes posix
end-volume
volume brick
  type performance/io-threads
  option thread-count 4
  subvolumes locks
end-volume
volume server
  type protocol/server
  option transport-type tcp
  option transport.socket.bind-address $LAB_NET.10
  option transport.socket.listen-port 24007
  option auth.addr.brick.allow *
  subvolumes brick
end-volume
TEXT
	COMMAND=(glusterfsd -N -f "$DIR/brick.vol" -l "$DIR/log/glusterfsd.log" -p /run/glusterfsd.pid)
}

storage_ready() { (exec 3<>"/dev/tcp/$LAB_NET.10/24007") 2>/dev/null; }

storage_mount() {
	local tries
	cat >/run/client.vol <<TEXT
volume client
  type protocol/client
  option transport-type tcp
  option remote-host $LAB_NET.10
  option remote-port 24007
  option remote-subvolume brick
  option ping-timeout 42
end-volume
TEXT
	for ((tries = 0; tries < 500; tries++)); do
		storage_ready && break
		sleep 0.02
	done
	storage_ready || { echo "the GlusterFS server on HostA does not answer at $LAB_NET.10:24007"; return 1; }
	glusterfs -f /run/client.vol -p /run/glusterfs.pid -l "$DIR/log/glusterfs.log" \
		--direct-io-mode=enable --attribute-timeout=0 --entry-timeout=0 "$1" || return 1
	mountpoint -q "$1"
}
