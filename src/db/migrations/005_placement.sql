-- SPDX-License-Identifier: Apache-2.0
-- What decides beside room where a server may be: its group, its zone.

CREATE TABLE server_groups (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid         uuid NOT NULL UNIQUE,
    project_id   text NOT NULL,
    user_id      text NOT NULL,
    name         text NOT NULL,
    policy       text NOT NULL
        CONSTRAINT server_groups_policy CHECK (policy IN ('affinity', 'anti-affinity', 'soft-affinity', 'soft-anti-affinity')),
    max_per_host integer CHECK (max_per_host > 0), -- of anti-affinity; NULL: 1
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX server_groups_by_project ON server_groups (project_id, id);

ALTER TABLE instances
    ADD COLUMN group_id bigint REFERENCES server_groups ON DELETE SET NULL,
    ADD COLUMN availability_zone text;          -- asked for; NULL: any
CREATE INDEX instances_by_group ON instances (group_id) WHERE group_id IS NOT NULL;

-- Whoever books for a member of a group with a hard policy does so alone, and what is booked afterwards fits the
-- policy: a guest counts on its host and where it is moving to.  Schedulers that raced lose here, not in the guest.
CREATE FUNCTION nova_keep_group() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
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
     WHERE i.group_id = the_id AND c.instance <> NEW.instance AND c.role IN ('H', 'I')
       AND (c.host_id = NEW.host_id) = (kind = 'anti-affinity');
    IF (kind = 'anti-affinity' AND others >= most) OR (kind = 'affinity' AND others > 0) THEN
        RAISE EXCEPTION 'the group of instance % has the policy % and % of its servers %', NEW.instance, kind, others,
            CASE kind WHEN 'affinity' THEN 'elsewhere' ELSE 'there' END
            USING ERRCODE = 'check_violation', CONSTRAINT = 'claims_server_group';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER claims_server_group BEFORE INSERT ON claims FOR EACH ROW EXECUTE FUNCTION nova_keep_group();

CREATE TABLE aggregates (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid        uuid NOT NULL UNIQUE,
    name        text NOT NULL CONSTRAINT aggregates_name UNIQUE,
    metadata    jsonb NOT NULL DEFAULT '{}',    -- availability_zone: the zone of its hosts
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at  timestamptz
);

-- hosts.zone is made of these two, in the transaction that changes them.
CREATE TABLE aggregate_hosts (
    aggregate_id integer NOT NULL REFERENCES aggregates,
    host_id      integer NOT NULL REFERENCES hosts,
    CONSTRAINT aggregate_hosts_once PRIMARY KEY (aggregate_id, host_id)
);

-- Who may use a flavor that is not public.
CREATE TABLE flavor_access (
    flavor_id   bigint NOT NULL REFERENCES flavors ON DELETE CASCADE,
    project_id  text NOT NULL,
    CONSTRAINT flavor_access_once PRIMARY KEY (flavor_id, project_id)
);
