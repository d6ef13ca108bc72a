# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# storage-nfs.sh - shared instances by NFSv4.2: nfs-ganesha on HostA, mounted by each host's kernel.
# Where this machine's kernel has no NFS client the hosts are User-mode Linux machines, whose kernel has one.
# (storage-gluster.sh says what these functions are.)
#
# Graceless must stay false: a server that starts again without a grace period forgets who held which lock,
# and then QEMU's image locks no longer keep a second guest off a disk [measured].
# A server that stands still for longer than a client's lease has forgotten its locks too, and its guests see I/O errors
# [measured: lease 10 s, 12 s].  90 s is what the kernel's own NFS server has.  Whatever a host asks the server renews its
# lease, and a host with guests asks all the time: a pause of 60 s passes; one that is at rest renews after two thirds,
# but it has no locks to lose.  The grace period must give every host the time to notice; it ends early when the last
# of those that had a lease is back.
# After a power failure the server keeps a host's locks until its lease is over or it has booted again.

nfs_kernel() { grep -qw nfs4 /proc/filesystems || modprobe -q nfsv4 2>/dev/null; }

storage_host_kind() { nfs_kernel && echo ns || echo uml; }

storage_missing() {
	command -v ganesha.nfsd >/dev/null || echo "nfs-ganesha"
	ls /usr/lib/*/ganesha/libfsalvfs.so >/dev/null 2>&1 || echo "nfs-ganesha-vfs"
	nfs_kernel || uml_packages_missing
}

storage_command() {
	mkdir -p "$DIR/export" "$DIR/ganesha" /run/ganesha
	cat >"$DIR/ganesha.conf" <<TEXT
NFS_CORE_PARAM {
	Protocols = 4;
	Bind_addr = $LAB_NET.10;
	NFS_Port = 2049;
	Enable_NLM = false;
	Enable_RQUOTA = false;
	Enable_UDP = false;
}
NFS_KRB5 { Active_krb5 = false; }
NFSV4 {
	Graceless = false;
	Grace_Period = 90;
	Lease_Lifetime = 90;
	Minor_Versions = 1, 2;
	Only_Numeric_Owners = true;
	RecoveryBackend = fs;
	RecoveryRoot = "$DIR/ganesha";
}
EXPORT_DEFAULTS { Access_Type = RW; Squash = No_Root_Squash; SecType = sys; Protocols = 4; Transports = TCP; }
EXPORT {
	Export_Id = 1;
	Path = $DIR/export;
	Pseudo = /instances;
	FSAL { Name = VFS; }
}
LOG { Default_Log_Level = EVENT; }
TEXT
	COMMAND=(ganesha.nfsd -F -f "$DIR/ganesha.conf" -L "$DIR/log/ganesha.log" -p /run/ganesha/pid)
}

storage_ready() { (exec 3<>"/dev/tcp/$LAB_NET.10/2049") 2>/dev/null; }

storage_mount() {
	local tries
	if [ "$HOST_ROLE" = controller ]; then
		mount --bind "$DIR/export" "$1"
		return
	fi
	for ((tries = 0; tries < 500; tries++)); do
		storage_ready && break
		sleep 0.02
	done
	storage_ready || { echo "the NFS server on HostA does not answer at $LAB_NET.10:2049"; return 1; }
	local options=addr=$LAB_NET.10,clientaddr=0.0.0.0,vers=4.2,proto=tcp,hard,timeo=15,retrans=1,actimeo=0,sec=sys
	# without mount.nfs, which not every machine has; hard: a guest waits for its server instead of seeing errors.
	# timeo, retrans: how long a kernel that unmounts tries to say goodbye to a server that is gone; by default twice 180 s
	mount -i -t nfs4 -o "$options" "$LAB_NET.10:/instances" "$1"
}
