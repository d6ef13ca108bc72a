/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/reject_log.h"

#include "common/log.h"

enum { PAUSE_USEC = 1000000 };

bool nova_reject_log_may(nova_reject_log *log, unsigned *ret_left_out)
{
	int64_t now = g_get_monotonic_time();

	if (log->written_usec && now - log->written_usec < PAUSE_USEC) {
		log->left_out++;
		return false;
	}
	*ret_left_out = log->left_out;
	log->written_usec = now;
	log->left_out = 0;
	return true;
}

void nova_reject_log_add(nova_reject_log *log, const char *where, uint64_t size, const GError *reason)
{
	unsigned left_out;

	if (nova_reject_log_may(log, &left_out))
		nova_log_warning(NULL,
				 "messages: rejecting one of %" G_GUINT64_FORMAT
				 " bytes to '%s': %s (and %u others since the last such line)",
				 size, where, reason->message, left_out);
}
