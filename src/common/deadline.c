/* SPDX-License-Identifier: Apache-2.0 */
#include "common/deadline.h"

#include <time.h>

int64_t nova_boottime_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

nova_deadline nova_deadline_in_ms(int64_t ms)
{
	int64_t now = nova_boottime_usec();

	if (ms <= 0)
		return (nova_deadline){ now };
	if (ms > (INT64_MAX - now) / 1000)
		return nova_deadline_never();
	return (nova_deadline){ now + ms * 1000 };
}

nova_deadline nova_deadline_never(void)
{
	return (nova_deadline){ INT64_MAX };
}

nova_deadline nova_deadline_min(nova_deadline a, nova_deadline b)
{
	return a.at_usec < b.at_usec ? a : b;
}

bool nova_deadline_is_never(nova_deadline deadline)
{
	return deadline.at_usec == INT64_MAX;
}

bool nova_deadline_is_expired(nova_deadline deadline)
{
	return !nova_deadline_is_never(deadline) && nova_boottime_usec() >= deadline.at_usec;
}

int64_t nova_deadline_remaining_ms(nova_deadline deadline)
{
	int64_t left;

	if (nova_deadline_is_never(deadline))
		return INT64_MAX;
	left = deadline.at_usec - nova_boottime_usec();
	return left <= 0 ? 0 : (left + 999) / 1000;
}

int nova_deadline_poll_ms(nova_deadline deadline, int max_ms)
{
	int64_t left = nova_deadline_remaining_ms(deadline);

	return left < max_ms ? (int)left : max_ms;
}
