/* SPDX-License-Identifier: Apache-2.0
 *
 * print_conf - writes what is generated from the tables of src/common: `print_conf sample', `man' or `metrics'.
 * For the build only; users have `nova-lite-manage config'.
 */
#include "common/conf.h"
#include "common/metrics.h"

#include <string.h>

static void print_metrics(void)
{
	static const char *const types[] = { "counter", "gauge", "histogram" };

	puts("# Metrics\n\n"
	     "With `metrics_listen` in its group of nova-lite.conf each service answers `GET /metrics`, in\n"
	     "Prometheus' text format, and `GET /healthcheck`: 200 and `OK`, or 503 and what keeps it from working\n"
	     "(the database cannot "
	     "be reached; the host's lease has run out). Each label has a fixed set of values, known when the service\n"
	     "starts, so that there are never more series than that; what has never counted is left out. Times are in\n"
	     "seconds. Nothing here names a user, a server or a secret.\n\n"
	     "Printed from `src/common/metrics.def`.\n\n"
	     "| metric | type | labels | of | what |\n|---|---|---|---|---|");
	for (int i = 0; i < NOVA_METRIC__COUNT; i++) {
		const nova_metric_row *row = &nova_metric_rows[i];

		printf("| `%s` | %s | %s | %s | %s |\n", row->name, types[row->type], row->labels, row->who, row->help);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "sample") == 0)
		nova_conf_print_sample(stdout);
	else if (argc == 2 && strcmp(argv[1], "man") == 0)
		nova_conf_print_man(stdout);
	else if (argc == 2 && strcmp(argv[1], "metrics") == 0)
		print_metrics();
	else
		return 2;
	return ferror(stdout) || fflush(stdout) != 0;
}
