-- SPDX-License-Identifier: Apache-2.0
-- An instance that changes its project leaves the sums of one and enters those of the other.

CREATE OR REPLACE FUNCTION nova_count_usage() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    share record;
BEGIN
    -- What the change added to each project: an instance counts while it exists and is not deleted.  In the order of
    -- projects, as everybody locks them.
    FOR share IN
        SELECT project, sum(n)::integer AS n, sum(v)::bigint AS v, sum(m)::bigint AS m
          FROM (SELECT OLD.project_id, -1, -OLD.vcpus::bigint, -OLD.memory_mb
                 WHERE TG_OP <> 'INSERT' AND OLD.deleted_at IS NULL
                UNION ALL
                SELECT NEW.project_id, 1, NEW.vcpus::bigint, NEW.memory_mb
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
CREATE CONSTRAINT TRIGGER instances_usage AFTER UPDATE OF project_id, deleted_at, vcpus, memory_mb ON instances
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.project_id, OLD.deleted_at, OLD.vcpus, OLD.memory_mb)
          IS DISTINCT FROM (NEW.project_id, NEW.deleted_at, NEW.vcpus, NEW.memory_mb))
    EXECUTE FUNCTION nova_count_usage();
