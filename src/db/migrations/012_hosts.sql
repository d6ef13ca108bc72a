-- SPDX-License-Identifier: Apache-2.0
-- A compute service that was deleted: its row stays, for what refers to it, and nobody sees it until it registers anew.

ALTER TABLE hosts ADD COLUMN deleted_at timestamptz;
