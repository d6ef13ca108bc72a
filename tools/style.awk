# SPDX-License-Identifier: Apache-2.0
# style.awk - house rules that need no understanding of C.

FNR == 1 {
	end_file()
	file = FILENAME
	if ($0 !~ /SPDX-License-Identifier: Apache-2\.0/)
		refuse("the first line must be the SPDX line")
}

{
	lines = FNR
	line = $0
	width = 0
	for (i = 1; i <= length(line); i++)
		width += substr(line, i, 1) == "\t" ? 8 - width % 8 : 1
	if (width > 120 && file !~ /\.def$/) # tables: one row, one line
		refuse("longer than 120 columns")
	if (line ~ /[ \t]$/)
		refuse("blanks at the end")
	if (line ~ /^ +[^ *]/)
		refuse("indent with tabs")
	if (line ~ /(^|[^A-Za-z0-9_])g(char|int|boolean|pointer|uint|long|ulong|double|float)([^A-Za-z0-9_(]|$)/)
		refuse("C types, not GLib's names for them")
	if (line ~ /TODO|FIXME|(\/\*|\/\/|^[ \t]*\*).*[^X]XXX[^X]/)
		refuse("no unfinished work in the tree")

	# A macro is a definition with all its continuation lines.
	if (!in_macro && line ~ /^[ \t]*#[ \t]*define/)
		in_macro = 1
	if (in_macro && file ~ /^src\// && line ~ /(^|[^A-Za-z0-9_])(return|goto|break|continue)([^A-Za-z0-9_]|$)/)
		refuse("no hidden control flow in a macro")
	if (in_macro && line !~ /\\$/)
		in_macro = 0
}

function refuse(why) { printf "%s:%d: %s\n", FILENAME, FNR, why; bad = 1 }

function end_file()
{
	if (file != "" && lines > 800) {
		printf "%s: %d lines; split it, 800 is the limit\n", file, lines
		bad = 1
	}
	in_macro = 0
}

END { end_file(); exit bad }
