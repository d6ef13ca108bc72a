# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# storage-local.sh - nothing is shared: every host keeps its instances on its own disk.
# (storage-gluster.sh says what these functions are.)

storage_host_kind() { echo ns; }
storage_missing() { :; }
storage_command() { COMMAND=(); }
storage_ready() { :; }
storage_mount() { :; }
