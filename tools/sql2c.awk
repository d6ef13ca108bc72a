# SPDX-License-Identifier: Apache-2.0
# sql2c.awk - make C of SQL files.
#
#	awk -v out=enum  -f sql2c.awk queries/*.sql        the enum nova_query_id, for queries.h
#	awk -v out=table -f sql2c.awk queries/*.sql        the rows of nova_queries[], for queries.c
#	awk -v out=files -f sql2c.awk migrations/*.sql     the rows of nova_migrations[], whole files
#
# A statement of a catalogue begins with a line `-- :name NAME SHAPE ARG...'.  SHAPE is what it returns:
# one (at most one row), many or none; each ARG names a parameter, $1 first.  Comment lines and blank
# lines are left out; the statement ends at the next `:name' or the end of the file.

function quoted(text)
{
	gsub(/\\/, "\\\\", text)
	gsub(/"/, "\\\"", text)
	return "\"" text "\\n\""
}

function die(text)
{
	print FILENAME ":" FNR ": " text > "/dev/stderr"
	failed = 1
	exit 1
}

function close_statement()
{
	if (name == "")
		return
	if (lines == 0)
		die("statement " name " is empty")
	if (out == "table")
		print "\t},"
	name = ""
}

FNR == 1 {
	close_statement()
	if (out == "files") {
		if (open_file)
			print "\t},"
		n = split(FILENAME, path, "/")
		if (path[n] !~ /^[0-9][0-9][0-9]_[a-z0-9_]+\.sql$/)
			die("a migration is named NNN_what.sql")
		print "\t{\n\t\t.version = " (substr(path[n], 1, 3) + 0) ",\n\t\t.name = \"" path[n] "\",\n\t\t.sql ="
		open_file = 1
	}
}

out == "files" {
	print "\t\t\t" quoted($0)
	next
}

$1 == "--" && $2 == ":name" {
	close_statement()
	name = $3
	if (name !~ /^[a-z][a-z0-9_]*$/)
		die("bad statement name '" name "'")
	if (name in seen)
		die("statement " name " is there twice")
	seen[name] = 1
	if ($4 != "one" && $4 != "many" && $4 != "none")
		die("statement " name ": shape '" $4 "' is not one, many or none")
	lines = 0
	if (out == "enum")
		print "\tNOVA_Q_" toupper(name) ","
	else
		print "\t[NOVA_Q_" toupper(name) "] = {\n\t\t.name = \"" name "\",\n\t\t.shape = NOVA_ROWS_" toupper($4) \
			",\n\t\t.n_params = " (NF - 4) ",\n\t\t.sql ="
	next
}

/^[ \t]*--/ || /^[ \t]*$/ {
	next
}

{
	if (name == "")
		die("text before the first :name")
	lines++
	if (out == "table")
		print "\t\t\t" quoted($0)
}

END {
	if (failed)
		exit 1
	close_statement()
	if (open_file)
		print "\t},"
}
