-- SPDX-License-Identifier: Apache-2.0
-- Resizing a server: another flavor and maybe another host, until its user says whether it stays so.

ALTER TABLE operations DROP CONSTRAINT operations_kind;
ALTER TABLE operations
    ADD CONSTRAINT operations_kind CHECK (kind IN ('build', 'delete', 'start', 'stop', 'reboot-soft', 'reboot-hard',
        'live-migration', 'pause', 'unpause', 'suspend', 'resume', 'rebuild', 'resize', 'resize-revert',
        'lock', 'unlock', 'reset-state', 'resize-confirm'));

-- held_*: what a resize that has not switched yet will use beyond the present flavor; quotas count it already.
ALTER TABLE instances DROP CONSTRAINT instances_vm_state;
ALTER TABLE instances
    ADD CONSTRAINT instances_vm_state CHECK (vm_state IN ('building', 'active', 'paused', 'stopped', 'suspended', 'resized',
        'error', 'deleted')),
    ADD COLUMN resized_by bigint REFERENCES operations,
    ADD COLUMN held_vcpus integer NOT NULL DEFAULT 0 CHECK (held_vcpus >= 0),
    ADD COLUMN held_memory_mb bigint NOT NULL DEFAULT 0 CHECK (held_memory_mb >= 0),
    ADD CONSTRAINT instances_resized CHECK ((vm_state = 'resized') = (resized_by IS NOT NULL));
CREATE INDEX instances_resized_by ON instances (resized_by) WHERE resized_by IS NOT NULL;

-- One row for each resize and each reverting of one.
CREATE TABLE resizes (
    operation   bigint PRIMARY KEY REFERENCES operations,
    former      jsonb NOT NULL,                 -- the columns of instances that are a flavor's, before ...
    wanted      jsonb NOT NULL,                 -- ... and afterwards
    vm_state    text NOT NULL CHECK (vm_state IN ('active', 'stopped')), -- of the server before the resize
    disk_gb     bigint NOT NULL,                -- claimed for its disk before
    flipped     boolean NOT NULL DEFAULT false, -- host, token and flavor have changed at least once
    of          bigint REFERENCES resizes,      -- of a reverting: which resize
    outcome     text CHECK (outcome IN ('reverting', 'reverted', 'confirmed'))
);

-- A guest that is resized on its host has two claims there.
ALTER TABLE claims DROP CONSTRAINT claims_pkey, DROP CONSTRAINT claims_instance_role_key, ADD PRIMARY KEY (instance, role);

CREATE FUNCTION nova_flavor_of(i instances) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE
    RETURN jsonb_build_object('flavor_id', i.flavor_id, 'flavorid', i.flavorid, 'flavor_name', i.flavor_name, 'vcpus', i.vcpus,
        'memory_mb', i.memory_mb, 'root_gb', i.root_gb, 'ephemeral_gb', i.ephemeral_gb, 'swap_mb', i.swap_mb,
        'extra_specs', i.extra_specs);

-- As in 005, and a resized server may come back to its old host: where its group allows few it counts there, too.
CREATE OR REPLACE FUNCTION nova_keep_group() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    kind    text;
    most    integer;
    the_id  bigint;
    others  bigint;
BEGIN
    SELECT g.id, g.policy, COALESCE(g.max_per_host, 1) INTO the_id, kind, most
      FROM server_groups g
     WHERE g.id = (SELECT i.group_id FROM instances i WHERE i.uuid = NEW.instance)
       AND g.policy IN ('affinity', 'anti-affinity')
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NEW;
    END IF;
    SELECT count(DISTINCT c.instance) INTO others
      FROM claims c JOIN instances i ON i.uuid = c.instance
     WHERE i.group_id = the_id AND c.instance <> NEW.instance
       AND (c.role IN ('H', 'I') OR (kind = 'anti-affinity' AND i.resized_by IS NOT NULL))
       AND (c.host_id = NEW.host_id) = (kind = 'anti-affinity');
    IF (kind = 'anti-affinity' AND others >= most) OR (kind = 'affinity' AND others > 0) THEN
        RAISE EXCEPTION 'the group of instance % has the policy % and % of its servers %', NEW.instance, kind, others,
            CASE kind WHEN 'affinity' THEN 'elsewhere' ELSE 'there' END
            USING ERRCODE = 'check_violation', CONSTRAINT = 'claims_server_group';
    END IF;
    RETURN NEW;
END $$;

-- As in 006, with what is held.
CREATE OR REPLACE FUNCTION nova_count_usage() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    share record;
BEGIN
    FOR share IN
        SELECT project, sum(n)::integer AS n, sum(v)::bigint AS v, sum(m)::bigint AS m
          FROM (SELECT OLD.project_id, -1, -(OLD.vcpus + OLD.held_vcpus)::bigint, -(OLD.memory_mb + OLD.held_memory_mb)
                 WHERE TG_OP <> 'INSERT' AND OLD.deleted_at IS NULL
                UNION ALL
                SELECT NEW.project_id, 1, (NEW.vcpus + NEW.held_vcpus)::bigint, NEW.memory_mb + NEW.held_memory_mb
                 WHERE TG_OP <> 'DELETE' AND NEW.deleted_at IS NULL) AS parts (project, n, v, m)
         GROUP BY project
        HAVING (sum(n), sum(v), sum(m)) <> (0, 0, 0)
         ORDER BY project
    LOOP
        UPDATE project_usage u
           SET instances = u.instances + share.n, cores = u.cores + share.v, ram_mb = u.ram_mb + share.m
         WHERE u.project_id = share.project;
        IF NOT FOUND THEN
            INSERT INTO project_usage AS u (project_id, instances, cores, ram_mb)
            VALUES (share.project, share.n, share.v, share.m)
                ON CONFLICT (project_id) DO UPDATE
               SET instances = u.instances + share.n, cores = u.cores + share.v, ram_mb = u.ram_mb + share.m;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

DROP TRIGGER instances_usage ON instances;
CREATE CONSTRAINT TRIGGER instances_usage AFTER UPDATE OF project_id, deleted_at, vcpus, memory_mb, held_vcpus, held_memory_mb
    ON instances DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.project_id, OLD.deleted_at, OLD.vcpus, OLD.memory_mb, OLD.held_vcpus, OLD.held_memory_mb)
          IS DISTINCT FROM (NEW.project_id, NEW.deleted_at, NEW.vcpus, NEW.memory_mb, NEW.held_vcpus, NEW.held_memory_mb))
    EXECUTE FUNCTION nova_count_usage();

-- As in 003, and by the flip of its own resize or reverting, and the flip back: whoever writes it has verified that the
-- guest is gone from the host it leaves.
CREATE OR REPLACE FUNCTION nova_may_leave_host() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    suspect text;
BEGIN
    IF EXISTS (SELECT 1 FROM operations o
                WHERE o.instance = NEW.uuid AND o.finished_at IS NULL
                  AND ((o.kind IN ('live-migration', 'resize', 'resize-revert') AND o.state = 'switched'
                        AND o.source_host_id = OLD.host_id AND o.dest_host_id = NEW.host_id)
                       OR (o.kind = 'resize' AND o.state = 'rollback'
                           AND o.dest_host_id = OLD.host_id AND o.source_host_id = NEW.host_id))) THEN
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

CREATE OR REPLACE VIEW operation_rows AS
SELECT o.id, o.uuid, o.kind, o.state, o.seq, o.instance, o.project_id, o.user_id, o.request_id,
       o.source_host_id, o.dest_host_id, s.name AS source_host, d.name AS dest_host,
       s.hypervisor_hostname AS source_node, d.hypervisor_hostname AS dest_node,
       s.migration_address AS source_address, d.migration_address AS dest_address,
       o.requested_host, o.owner_host_id, o.owner_epoch, o.abort_requested, o.force_requested, o.strict,
       o.pre_power, o.attempts, o.blocked, o.blocked_host, o.reason, nova_usec(o.not_before) AS not_before_us,
       o.downtime_ms, o.total_ms, nova_usec(o.created_at) AS created_us, nova_usec(o.changed_at) AS changed_us,
       nova_usec(o.finished_at) AS finished_us,
       p.memory_total, p.memory_processed, p.memory_remaining, p.disk_total, p.disk_processed, p.disk_remaining,
       p.rate, p.dirty_rate, p.iteration, p.percent, i.flavor_id, o.not_before, o.created_at, o.changed_at, o.finished_at,
       (r.former ->> 'flavor_id')::bigint AS former_flavor_id, (r.wanted ->> 'flavor_id')::bigint AS wanted_flavor_id,
       (r.wanted ->> 'vcpus')::integer AS wanted_vcpus, (r.wanted ->> 'memory_mb')::bigint AS wanted_memory_mb,
       (r.wanted ->> 'root_gb')::bigint + (r.wanted ->> 'ephemeral_gb')::bigint AS wanted_disk_gb,
       COALESCE(r.vm_state = 'active', false) AS ran, r.outcome
  FROM operations o
  JOIN instances i ON i.uuid = o.instance
  LEFT JOIN hosts s ON s.id = o.source_host_id
  LEFT JOIN hosts d ON d.id = o.dest_host_id
  LEFT JOIN progress p ON p.operation = o.id
  LEFT JOIN resizes r ON r.operation = o.id;
