/* SPDX-License-Identifier: Apache-2.0
 *
 * virt_process.h - a domain's QEMU process and libvirt's log of it, on this host, without asking libvirt.
 * Internal to the virt_* files.
 */
#pragma once

#include "common/error.h"
#include "model/decide.h"

/* Where a libvirtd that runs as root keeps its pid files and its logs of domains. */
#define NOVA_VIRT_RUN_DIR "/run/libvirt/qemu"
#define NOVA_VIRT_LOG_DIR "/var/log/libvirt/qemu"

/* A pidfd of the process in DIR/NAME.pid, which must have the uuid as a word of its command line; -1 on failure. */
int nova_virt_process_open(const char *dir, const char *name, const char *uuid, GError **error);

/* Whether that process has ended (false for -1: not known). */
bool nova_virt_process_is_dead(int pidfd);
/* Whether it was stopped by a signal (false for -1). */
bool nova_virt_process_is_stopped(int pidfd);
bool nova_virt_process_signal(int pidfd, int signal, GError **error);

/* Why the last process of domain NAME ended, from DIR/NAME.log; UNKNOWN when the log does not say, or speaks of a
 * process that did not end. */
nova_end_reason nova_virt_process_end_reason(const char *dir, const char *name);
