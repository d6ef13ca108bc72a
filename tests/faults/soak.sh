#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A minute of what bench/soak does for as long as one likes.
exec "$(dirname "$0")/../../bench/soak" --minutes 1 --seed 20 --name soak-short "$@"
