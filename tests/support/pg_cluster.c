/* SPDX-License-Identifier: Apache-2.0 */
#include "pg_cluster.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct pg_cluster {
	char *dir, *data, *bin;
	int port;
	pid_t pid;    /* 0: not running */
	PGconn *conn; /* for pg_cluster_sql(), to `database' */
	char *database;
};

/* Where the server's programs are: not in PATH on Debian. */
static char *find_programs(void)
{
	for (int version = 19; version >= 13; version--) {
		g_autofree char *dir = g_strdup_printf("/usr/lib/postgresql/%d/bin", version);
		g_autofree char *program = g_build_filename(dir, "initdb", NULL);

		if (access(program, X_OK) == 0)
			return g_steal_pointer(&dir);
	}
	g_autofree char *found = g_find_program_in_path("initdb");

	if (!found)
		fail_msg("PostgreSQL's initdb is not installed");
	return g_path_get_dirname(found);
}

static int free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	close(fd);
	return ntohs(address.sin_port);
}

/* In the child: the user the server may run as. */
static void drop_root(void)
{
	const struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;

	if (!user)
		return;
	if (initgroups(user->pw_name, user->pw_gid) || setgid(user->pw_gid) || setuid(user->pw_uid))
		_exit(126);
}

static pid_t spawn(const pg_cluster *cluster, const char *const *argv, bool die_with_us)
{
	g_autofree char *program = g_build_filename(cluster->bin, argv[0], NULL);
	g_autofree char *log = g_build_filename(cluster->dir, "log", NULL);
	pid_t parent = getpid();
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	setsid();
	drop_root();
	if (die_with_us && (prctl(PR_SET_PDEATHSIG, SIGQUIT) || getppid() != parent))
		_exit(126);
	if (chdir(cluster->dir) || !freopen(log, "a", stderr) || !freopen(log, "a", stdout))
		_exit(126);
	execv(program, (char *const *)argv);
	_exit(127);
}

static void run(const pg_cluster *cluster, const char *const *argv)
{
	int status = 0;
	pid_t pid = spawn(cluster, argv, false);

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("%s failed, see %s/log", argv[0], cluster->dir);
}

void pg_cluster_start(pg_cluster *cluster)
{
	g_autofree char *port = g_strdup_printf("%d", cluster->port);
	const char *const argv[] = { "postgres",
				     "-D",
				     cluster->data,
				     "-k",
				     cluster->dir,
				     "-p",
				     port,
				     "-c",
				     "listen_addresses=127.0.0.1",
				     "-c",
				     "fsync=off",
				     "-c",
				     "max_connections=120",
				     "-c",
				     "full_page_writes=off",
				     "-c",
				     "log_lock_waits=on",
				     NULL };
	g_autofree char *uri = pg_cluster_uri(cluster, "postgres");

	cluster->pid = spawn(cluster, argv, true);
	for (int i = 0; i < 600; i++) {
		if (PQping(uri) == PQPING_OK)
			return;
		if (waitpid(cluster->pid, NULL, WNOHANG) == cluster->pid)
			fail_msg("PostgreSQL ended at once, see %s/log", cluster->dir);
		g_usleep(50000);
	}
	fail_msg("PostgreSQL does not accept connections, see %s/log", cluster->dir);
}

static void disconnect(pg_cluster *cluster)
{
	PQfinish(g_steal_pointer(&cluster->conn));
	g_clear_pointer(&cluster->database, g_free);
}

void pg_cluster_kill(pg_cluster *cluster)
{
	if (!cluster->pid)
		return;
	disconnect(cluster);
	kill(cluster->pid, SIGCONT);
	kill(cluster->pid, SIGQUIT);
	while (waitpid(cluster->pid, NULL, 0) < 0 && errno == EINTR)
		;
	cluster->pid = 0;
}

pg_cluster *pg_cluster_new(void)
{
	pg_cluster *cluster = g_new0(pg_cluster, 1);
	const struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;

	cluster->bin = find_programs();
	cluster->dir = g_strdup_printf("/tmp/nova-pg-%d-%08x", (int)getpid(), g_random_int());
	assert_int_equal(g_mkdir(cluster->dir, 0700), 0);
	if (user)
		assert_int_equal(chown(cluster->dir, user->pw_uid, user->pw_gid), 0);
	cluster->data = g_build_filename(cluster->dir, "data", NULL);
	cluster->port = free_port();
	const char *const argv[] = { "initdb",    "-D",       cluster->data, "-A",   "trust",
				     "-U",        "postgres", "-E",          "UTF8", "--locale=C.UTF-8",
				     "--no-sync", NULL };

	run(cluster, argv);
	pg_cluster_start(cluster);
	return cluster;
}

void pg_cluster_free(pg_cluster *cluster)
{
	if (!cluster)
		return;
	pg_cluster_kill(cluster);
	g_autofree char *command = g_strdup_printf("rm -rf '%s'", cluster->dir);

	if (!g_getenv("NOVA_KEEP_CLUSTER") && system(command) != 0)
		print_message("%s could not be removed\n", cluster->dir);
	g_free(cluster->dir);
	g_free(cluster->data);
	g_free(cluster->bin);
	g_free(cluster);
}

int pg_cluster_pid(const pg_cluster *cluster)
{
	return cluster->pid;
}

int pg_cluster_port(const pg_cluster *cluster)
{
	return cluster->port;
}

size_t pg_cluster_log_size(const pg_cluster *cluster)
{
	g_autofree char *path = g_build_filename(cluster->dir, "log", NULL);
	GStatBuf found;

	assert_int_equal(g_stat(path, &found), 0);
	return (size_t)found.st_size;
}

char *pg_cluster_log(const pg_cluster *cluster, size_t from)
{
	g_autofree char *path = g_build_filename(cluster->dir, "log", NULL);
	size_t size = pg_cluster_log_size(cluster) - from;
	char *text = g_malloc(size + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, text, size, (off_t)from), size);
	close(fd);
	text[size] = '\0';
	return text;
}

char *pg_cluster_uri(const pg_cluster *cluster, const char *database)
{
	return g_strdup_printf("postgresql://postgres@/%s?host=%s&port=%d", database, cluster->dir,
			       cluster->port);
}

nova_db *pg_cluster_open(const char *uri, unsigned connections, const char *options)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text =
		g_strdup_printf("[database]\nconnection = %s\n%s\n", uri, options ? options : "");
	g_autoptr(nova_conf) conf = nova_conf_parse(text, "test.conf", NULL, &error);

	if (!conf)
		fail_msg("%s", error->message);
	nova_db *db = nova_db_open(conf, "test", connections, &error);

	if (!db)
		fail_msg("%s", error->message);
	return db;
}

nova_db *pg_cluster_database(pg_cluster *cluster, const char *name, unsigned connections, const char *options)
{
	g_autofree char *uri = pg_cluster_uri(cluster, name);
	g_autoptr(GError) error = NULL;

	g_free(pg_cluster_sql(cluster, "postgres", "CREATE DATABASE %s", name));
	nova_db *db = pg_cluster_open(uri, connections, options);

	if (!nova_db_sync(db, NULL, NULL, &error))
		fail_msg("%s", error->message);
	return db;
}

static PGconn *connection(pg_cluster *cluster, const char *database)
{
	if (cluster->conn && strcmp(cluster->database, database) == 0 &&
	    PQstatus(cluster->conn) == CONNECTION_OK)
		return cluster->conn;
	g_autofree char *uri = pg_cluster_uri(cluster, database);

	disconnect(cluster);
	cluster->conn = PQconnectdb(uri);
	cluster->database = g_strdup(database);
	return cluster->conn;
}

char *pg_cluster_sql(pg_cluster *cluster, const char *database, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *sql = g_strdup_vprintf(format, args);
	va_end(args);
	PGconn *conn = connection(cluster, database);
	PGresult *result = PQexec(conn, sql);
	char *value = NULL;

	if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
		fail_msg("%s: %s", sql,
			 PQresultErrorMessage(result) && *PQresultErrorMessage(result)
				 ? PQresultErrorMessage(result)
				 : PQerrorMessage(conn));
	if (PQntuples(result) > 0 && !PQgetisnull(result, 0, 0))
		value = g_strdup(PQgetvalue(result, 0, 0));
	PQclear(result);
	return value;
}

char *pg_cluster_digest(pg_cluster *cluster, const char *database)
{
	static const char *const tables[] = { "pools",     "hosts",       "host_lease", "services",
					      "flavors",   "images",      "networks",   "instances",
					      "addresses", "operations",  "attempts",   "journal",
					      "claims",    "disk_claims", "progress" };
	g_autoptr(GString) sql = g_string_new("SELECT md5(concat(''");

	for (size_t i = 0; i < G_N_ELEMENTS(tables); i++)
		g_string_append_printf(
			sql, ", (SELECT string_agg(t::text, E'\\n' ORDER BY t::text) FROM %s t)", tables[i]);
	g_string_append(sql, "))");
	return pg_cluster_sql(cluster, database, "%s", sql->str);
}
