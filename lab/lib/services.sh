# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# services.sh - the services of a host: start_NAME starts one inside the host and waits for ready_NAME.
# Used by in-host.sh, which has launch and await.

# services_of ROLE SHARED DAEMONS - in the order in which they start
services_of() {
	case $1 in
	controller)
		[ "$2" = local ] || echo storage
		echo postgres rabbitmq
		[ "$3" = no ] || echo scheduler api ;;
	compute)
		echo libvirtd
		[ "$3" = no ] || echo compute ;;
	esac
}

tcp_answers() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# --- the storage server -------------------------------------------------------------------------
start_storage() {
	storage_command
	launch storage root "$DIR/log/storage.log" "${COMMAND[@]}"
	await storage 10
	# (mountpoint(1) asks the file system itself, which may still be without its server)
	grep -q " $INSTANCES_PATH " /proc/self/mounts || storage_mount "$INSTANCES_PATH" ||
		fail "cannot mount the shared instances directory on $INSTANCES_PATH"
}
ready_storage() { storage_ready; }

# --- PostgreSQL: what Debian's would be, fsync included; only the very first initdb does not wait for the disk
PG_BIN=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
PG_DATA=/var/lib/postgresql/data
as_postgres() { setpriv --reuid postgres --regid postgres --init-groups -- "$@"; }

create_cluster() {
	as_postgres "$PG_BIN/initdb" -D $PG_DATA --no-sync --auth=trust --username=postgres --encoding=UTF8 \
		--locale=C.UTF-8 >"$DIR/log/initdb.log" 2>&1 &&
	cat >>$PG_DATA/postgresql.conf <<-TEXT &&
		listen_addresses = '*'
		max_connections = 200
		unix_socket_directories = '/run/postgresql'
		log_line_prefix = '%m [%p] %u@%d '
	TEXT
	cat >$PG_DATA/pg_hba.conf <<-TEXT &&
		# no password is asked for, but only inside the lab's own network
		local all  all                          trust
		host  nova nova 127.0.0.1/32            trust
		host  nova nova $LAB_NET.0/24           trust
	TEXT
	printf '%s\n' 'CREATE ROLE nova LOGIN;' 'CREATE DATABASE nova OWNER nova;' |
		as_postgres "$PG_BIN/postgres" --single -D $PG_DATA postgres >>"$DIR/log/initdb.log" 2>&1
}

start_postgres() {
	if [ ! -e $PG_DATA/lab-created ]; then
		rm -rf $PG_DATA
		create_cluster || fail "cannot create the PostgreSQL cluster; the end of $DIR/log/initdb.log:
$(tail -n 5 "$DIR/log/initdb.log")"
		touch $PG_DATA/lab-created
	fi
	launch postgres postgres "$DIR/log/postgres.log" "$PG_BIN/postgres" -D $PG_DATA
	await postgres 30
}
ready_postgres() { "$PG_BIN/pg_isready" -q -h /run/postgresql -t 1; }

# --- RabbitMQ: default ports, in this host's network namespace; Erlang does not spin while idle
start_rabbitmq() {
	cat >/etc/rabbitmq/rabbitmq.conf <<-TEXT
		listeners.tcp.1 = 0.0.0.0:5672
		default_user = nova
		default_pass = lab
	TEXT
	echo '[].' >/etc/rabbitmq/enabled_plugins
	launch rabbitmq rabbitmq "$DIR/log/rabbitmq.log" env HOME=/var/lib/rabbitmq RABBITMQ_NODENAME="rabbit@$HOST" \
		RABBITMQ_ALLOW_INPUT=1 RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+sbwt none +sbwtdcpu none +sbwtdio none" \
		/usr/lib/rabbitmq/bin/rabbitmq-server -noinput
	await rabbitmq 150
}
# the listener is the last thing RabbitMQ starts
ready_rabbitmq() { tcp_answers 127.0.0.1 5672; }

# --- libvirt
start_libvirtd() {
	launch libvirtd root "$DIR/log/libvirtd.log" libvirtd --listen -f /etc/libvirt/libvirtd.conf -p /run/libvirtd.pid
	await libvirtd 30
}
# a listening port does not yet mean that the QEMU driver is up
ready_libvirtd() { timeout 5 virsh -c qemu:///system hostname >/dev/null 2>&1; }

# --- nova-lite's own daemons
start_daemon() {
	local service=$1 program
	program=$(PATH=$LAB_BINPATH:/usr/sbin:/usr/bin command -v "nova-lite-$service") ||
		fail "there is no program nova-lite-$service in $LAB_BINPATH; build it, or say with NOVA_LITE_BINDIR where it is"
	STARTED=$SECONDS
	launch "$service" root "$DIR/log/$service.log" "$program" --config-file "$DIR/nova-lite.conf"
	await "$service" 30
}
# It says so in its log.  A daemon whose database or broker is away runs and tries again for ever: that is no failed start.
ready_daemon() {
	log_since_launch | grep -q "nova-lite-$1 .* is ready" && return
	((SECONDS - STARTED > 5)) || return 1
	echo "$HOST: $1 runs but is not ready yet; its log ends: $(log_since_launch | tail -n 1)" >&2
}
start_api() { start_daemon api; }
start_scheduler() { start_daemon scheduler; }
start_compute() { start_daemon compute; }
ready_api() { ready_daemon api; }
ready_scheduler() { ready_daemon scheduler; }
ready_compute() { ready_daemon compute; }
