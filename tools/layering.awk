# SPDX-License-Identifier: Apache-2.0
# layering.awk - names every #include in src/ that crosses a line between folders.
#
#	common <- model <- { db, rpc } <- { api, scheduler, compute, manage };  client sees common only
#
# A driver library is known to one folder; model, which is pure, knows neither JSON nor anything that waits.

BEGIN {
	allow("common", "")
	allow("model", "common")
	allow("db", "common model")
	allow("rpc", "common model")
	allow("api", "common model db rpc")
	allow("scheduler", "common model db rpc")
	allow("compute", "common model db rpc")
	allow("manage", "common model db")
	allow("client", "common")

	confine("libpq", "db")
	confine("postgresql/", "db")
	confine("amqp", "rpc")
	confine("rabbitmq-c/", "rpc")
	confine("microhttpd", "api")
	confine("gnutls/", "api")
	confine("libvirt/", "compute")
	confine("libxml/", "compute")
	confine("libsmartcols/", "manage client")
	confine("crypt.h", "common")
	confine("curl/", "client compute api")
	confine("yaml.h", "client")
	confine("openssl/", "api")
	confine("json-c/", "common rpc db api scheduler compute manage client")

	# What the pure folder must not be able to do.
	split("unistd.h fcntl.h poll.h pthread.h sys/socket.h sys/stat.h sys/wait.h common/json.h common/json_auto.h" \
	      " common/subprocess.h common/workers.h common/timer.h common/service.h common/log.h common/password.h", list, " ")
	for (i in list)
		impure[list[i]] = 1
}

function allow(folder, others) { may[folder] = " " folder " " others " " }
function confine(prefix, folders) { only[prefix] = " " folders " " }
function refuse(why) { printf "%s:%d: %s\n", FILENAME, FNR, why; bad = 1 }

/^[ \t]*#[ \t]*include/ {
	here = FILENAME
	sub(/^.*src\//, "", here)
	sub(/\/.*/, "", here)
	if (!(here in may))
		refuse("src/" here " is no folder of this tree; add it to layering.awk")

	quoted = $0 ~ /include[ \t]*"/
	what = $0
	sub(/^[^"<]*["<]/, "", what)
	sub(/[">].*$/, "", what)

	for (prefix in only)
		if (index(what, prefix) == 1 && index(only[prefix], " " here " ") == 0)
			refuse("<" what "> is for src/" only[prefix] "only")
	if (what ~ /^(gio|gobject)\// || what ~ /^glib-object/)
		refuse("only GLib's core is used here, not <" what ">")
	if (here == "model" && (what in impure))
		refuse("src/model is pure and may not include " what)

	if (quoted && what != "config.h") {
		to = what
		if (!sub(/\/.*/, "", to))
			refuse("write the folder: \"" here "/" what "\"")
		else if (index(may[here], " " to " ") == 0)
			refuse("src/" here " may not include " what)
	}
}

END { exit bad }
