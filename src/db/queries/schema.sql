-- SPDX-License-Identifier: Apache-2.0
-- Statements about the database itself.

-- :name schema_present one
SELECT to_regclass('schema_migrations') IS NOT NULL AS present;

-- :name schema_lock one
-- One migration at a time, whoever starts it: 'nova' as a number.
SELECT pg_advisory_xact_lock(1852798561) IS NULL AS locked;

-- :name schema_standbys one
SELECT count(*) AS standbys, current_setting('synchronous_standby_names') AS synchronous
  FROM pg_stat_replication;
