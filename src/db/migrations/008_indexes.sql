-- SPDX-License-Identifier: Apache-2.0
-- Indexes for lists that are asked for all the time; tests/db/test_million.c reads which one each statement uses.

-- Servers in some state, newest first.
CREATE INDEX instances_by_state ON instances (vm_state, created_at DESC, id DESC) WHERE deleted_at IS NULL;

-- Changes since a time long ago, which also show deleted servers.
CREATE INDEX instances_ever_by_created ON instances (created_at DESC, id DESC);
CREATE INDEX instances_ever_by_project ON instances (project_id, created_at DESC, id DESC);
