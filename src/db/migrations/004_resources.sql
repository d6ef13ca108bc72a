-- SPDX-License-Identifier: Apache-2.0
-- Key pairs, quotas, and what each project uses.

CREATE TABLE keypairs (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id     text NOT NULL,
    name        text NOT NULL,
    type        text NOT NULL DEFAULT 'ssh' CHECK (type = 'ssh'),
    public_key  text NOT NULL,
    fingerprint text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT keypairs_name UNIQUE (user_id, name)
);

-- The public key as it was when the server was created: the key pair may go.
ALTER TABLE instances ADD COLUMN key_data text;

-- What a project has of its own instead of [quota]; -1 is "no limit".  The words are those of src/model/quota.c; a
-- test compares the two.
CREATE TABLE quota_limits (
    project_id  text NOT NULL,
    resource    text NOT NULL
        CONSTRAINT quota_limits_resource CHECK (resource IN ('instances', 'cores', 'ram', 'key_pairs', 'metadata_items',
                                                             'server_groups', 'server_group_members')),
    hard_limit  integer NOT NULL CHECK (hard_limit >= -1),
    PRIMARY KEY (project_id, resource)
);

-- What the servers of a project add up to.  Whoever creates one locks this row first, so that what it reads cannot
-- change before its commit; the triggers below keep the sums, whatever statement made the difference.
CREATE TABLE project_usage (
    project_id  text PRIMARY KEY,
    instances   bigint NOT NULL DEFAULT 0 CHECK (instances >= 0),
    cores       bigint NOT NULL DEFAULT 0 CHECK (cores >= 0),
    ram_mb      bigint NOT NULL DEFAULT 0 CHECK (ram_mb >= 0)
) WITH (fillfactor = 50);

INSERT INTO project_usage (project_id, instances, cores, ram_mb)
SELECT project_id, count(*), sum(vcpus), sum(memory_mb) FROM instances WHERE deleted_at IS NULL GROUP BY project_id;

-- Runs at the commit, when every other lock is held already: usage rows are the last in the order of locks.
CREATE FUNCTION nova_count_usage() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    -- what the change added: an instance counts while it exists and is not deleted
    was     boolean := TG_OP <> 'INSERT' AND OLD.deleted_at IS NULL;
    is_now  boolean := TG_OP <> 'DELETE' AND NEW.deleted_at IS NULL;
    project text := COALESCE(NEW.project_id, OLD.project_id);
    n       integer := is_now::integer - was::integer;
    v       bigint := CASE WHEN is_now THEN NEW.vcpus ELSE 0 END - CASE WHEN was THEN OLD.vcpus ELSE 0 END;
    m       bigint := CASE WHEN is_now THEN NEW.memory_mb ELSE 0 END - CASE WHEN was THEN OLD.memory_mb ELSE 0 END;
BEGIN
    IF (n, v, m) = (0, 0, 0) THEN
        RETURN NULL;
    END IF;
    UPDATE project_usage SET instances = instances + n, cores = cores + v, ram_mb = ram_mb + m WHERE project_id = project;
    IF NOT FOUND THEN
        INSERT INTO project_usage (project_id, instances, cores, ram_mb) VALUES (project, n, v, m)
            ON CONFLICT (project_id) DO UPDATE SET instances = project_usage.instances + n,
                cores = project_usage.cores + v, ram_mb = project_usage.ram_mb + m;
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER instances_usage_in AFTER INSERT ON instances
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION nova_count_usage();
CREATE CONSTRAINT TRIGGER instances_usage_out AFTER DELETE ON instances
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION nova_count_usage();
CREATE CONSTRAINT TRIGGER instances_usage AFTER UPDATE OF deleted_at, vcpus, memory_mb ON instances
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.deleted_at, OLD.vcpus, OLD.memory_mb) IS DISTINCT FROM (NEW.deleted_at, NEW.vcpus, NEW.memory_mb))
    EXECUTE FUNCTION nova_count_usage();
