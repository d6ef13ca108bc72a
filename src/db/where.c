/* SPDX-License-Identifier: Apache-2.0 */
#include "db/where.h"

nova_where *nova_where_new(const char *select)
{
	nova_where *where = g_new0(nova_where, 1);

	where->sql = g_string_new(select);
	where->owned = g_ptr_array_new_with_free_func(g_free);
	return where;
}

void nova_where_free(nova_where *where)
{
	if (!where)
		return;
	g_string_free(where->sql, TRUE);
	g_ptr_array_unref(where->owned);
	g_free(where);
}

static void append(nova_where *where, const char *fragment)
{
	for (const char *c = fragment; *c; c++)
		if (*c == '?')
			g_string_append_printf(where->sql, "$%zu", where->n_args);
		else
			g_string_append_c(where->sql, *c);
}

static void push(nova_where *where, nova_arg arg)
{
	g_assert(where->n_args < NOVA_ARGS_MAX);
	where->args[where->n_args++] = arg;
}

void nova_where_add(nova_where *where, const char *fragment)
{
	g_string_append(where->sql, where->conditions++ ? " AND " : " WHERE ");
	append(where, fragment);
}

void nova_where_add_arg(nova_where *where, const char *fragment, nova_arg arg)
{
	push(where, arg);
	nova_where_add(where, fragment);
}

void nova_where_add_any(nova_where *where, const char *fragment, const char *const *words)
{
	char *array = nova_arg_array(words);

	g_ptr_array_add(where->owned, array);
	nova_where_add_arg(where, fragment, nova_arg_text(array));
}

void nova_where_add_text(nova_where *where, const char *fragment, const char *text)
{
	if (text)
		nova_where_add_arg(where, fragment, nova_arg_text(text));
}

void nova_where_tail(nova_where *where, const char *fragment)
{
	append(where, fragment);
}

void nova_where_tail_arg(nova_where *where, const char *fragment, nova_arg arg)
{
	push(where, arg);
	append(where, fragment);
}
