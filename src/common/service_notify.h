/* SPDX-License-Identifier: Apache-2.0
 *
 * service_notify.h - the sd_notify(3) protocol: tell systemd, or whoever set NOTIFY_SOCKET, how the
 * service is.
 */
#pragma once

#include <stdint.h>

/* "READY=1", "STOPPING=1" or "RELOADING=1" (for which the time is added).  Without NOTIFY_SOCKET
 * nothing happens; failures do not matter. */
void nova_service_notify(const char *state);

/* How often "WATCHDOG=1" has to be said at least, in microseconds: WATCHDOG_USEC, when it is for this process; 0: not
 * at all. */
int64_t nova_service_watchdog_usec(void);
