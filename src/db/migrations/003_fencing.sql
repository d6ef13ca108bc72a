-- SPDX-License-Identifier: Apache-2.0
-- When a guest may change its host without its host's consent.

-- A host is fenced because somebody asked for it.
ALTER TABLE hosts ADD CONSTRAINT hosts_fencing CHECK (fence_confirmed_at IS NULL OR fence_wanted_at IS NOT NULL);

-- A guest changes its host in one way only that needs nobody to be dead: the flip of its own migration.  Anything else
-- takes it from a host that cannot be asked, so that host must be fenced, and known to be.  A guest with a migration
-- permit may run on either end of the migration: both must be.
CREATE FUNCTION nova_may_leave_host() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    suspect text;
BEGIN
    IF EXISTS (SELECT 1 FROM operations o
                WHERE o.instance = NEW.uuid AND o.finished_at IS NULL AND o.kind = 'live-migration'
                  AND o.state = 'switched' AND o.source_host_id = OLD.host_id AND o.dest_host_id = NEW.host_id) THEN
        RETURN NEW;
    END IF;
    SELECT string_agg(h.name, ', ' ORDER BY h.name) INTO suspect
      FROM hosts h
     WHERE h.fence_confirmed_at IS NULL
       AND (h.id = OLD.host_id
            OR h.id IN (SELECT unnest(ARRAY[o.source_host_id, o.dest_host_id]) FROM operations o
                         WHERE o.instance = NEW.uuid AND o.finished_at IS NULL AND o.kind = 'live-migration'
                           AND o.state IN ('migrating', 'switched', 'cleaning', 'rollback')));
    IF suspect IS NOT NULL THEN
        RAISE EXCEPTION 'instance % may still run on %: fencing must be confirmed before it is taken to another host',
            NEW.uuid, suspect USING ERRCODE = 'check_violation', CONSTRAINT = 'instances_fencing';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER instances_fencing BEFORE UPDATE OF host_id ON instances
    FOR EACH ROW WHEN (OLD.host_id <> NEW.host_id) EXECUTE FUNCTION nova_may_leave_host();
