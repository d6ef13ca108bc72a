-- SPDX-License-Identifier: Apache-2.0
-- Rebuilding a server.

ALTER TABLE operations DROP CONSTRAINT operations_kind, DROP CONSTRAINT operations_state;
ALTER TABLE operations
    ADD CONSTRAINT operations_kind CHECK (kind IN ('build', 'delete', 'start', 'stop', 'reboot-soft', 'reboot-hard',
        'live-migration', 'pause', 'unpause', 'suspend', 'resume', 'rebuild', 'lock', 'unlock', 'reset-state')),
    ADD CONSTRAINT operations_state CHECK (state IN ('requested', 'claimed', 'checked', 'preparing', 'prepared', 'migrating',
        'switched', 'cleaning', 'rollback', 'spawning', 'undoing', 'deleting', 'starting', 'stopping', 'rebooting',
        'rebooting-hard', 'pausing', 'unpausing', 'suspending', 'resuming', 'rebuilding', 'replacing', 'done', 'failed',
        'cancelled', 'error')),
    ADD COLUMN old_image uuid;      -- of a rebuild: what the server stood on; it does so again when nothing was touched
