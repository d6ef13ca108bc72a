-- SPDX-License-Identifier: Apache-2.0
-- Statements on users, projects, roles and tokens.

-- :name project_create none id name description
INSERT INTO identity.projects (id, name, description) VALUES ($1, $2, $3);

-- :name project_proof one id name
SELECT id FROM identity.projects WHERE id = $1 AND name = $2;

-- :name project_get one id
SELECT id, name, description, enabled FROM identity.projects WHERE id = $1;

-- :name projects_all many name user
-- name: NULL, or exactly that one; user: NULL, or those the user has a role in.
SELECT p.id, p.name, p.description, p.enabled
  FROM identity.projects p
 WHERE ($1::text IS NULL OR p.name = $1::text)
   AND ($2::text IS NULL OR EXISTS (SELECT 1 FROM identity.assignments a WHERE a.project_id = p.id AND a.user_id = $2::text))
 ORDER BY p.name;

-- :name project_servers one id
SELECT count(*) AS servers FROM instances WHERE project_id = $1 AND deleted_at IS NULL;

-- :name project_delete none id
DELETE FROM identity.projects WHERE id = $1;

-- :name project_enable none id enabled
UPDATE identity.projects SET enabled = $2::boolean WHERE id = $1;

-- :name user_create none id name password_hash default_project
INSERT INTO identity.users (id, name, password_hash, default_project_id) VALUES ($1, $2, $3, $4);

-- :name user_proof one id name
SELECT id FROM identity.users WHERE id = $1 AND name = $2;

-- :name user_get one id
SELECT id, name, password_hash, enabled, default_project_id FROM identity.users WHERE id = $1;

-- :name users_all many name
SELECT id, name, password_hash, enabled, default_project_id
  FROM identity.users
 WHERE $1::text IS NULL OR name = $1::text
 ORDER BY name;

-- :name user_delete none id
DELETE FROM identity.users WHERE id = $1;

-- :name user_password none id password_hash
UPDATE identity.users SET password_hash = $2, password_changed_at = clock_timestamp() WHERE id = $1;

-- :name user_enable none id enabled
UPDATE identity.users SET enabled = $2::boolean WHERE id = $1;

-- :name user_default_project none id project
UPDATE identity.users SET default_project_id = $2 WHERE id = $1;

-- :name assignment_add none user project role
INSERT INTO identity.assignments (user_id, project_id, role) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING;

-- :name assignment_remove none user project role
DELETE FROM identity.assignments WHERE user_id = $1 AND project_id = $2 AND role = $3;

-- :name assignments_all many user project
SELECT a.user_id, u.name AS user_name, a.project_id, p.name AS project_name, a.role
  FROM identity.assignments a
  JOIN identity.users u ON u.id = a.user_id
  JOIN identity.projects p ON p.id = a.project_id
 WHERE ($1::text IS NULL OR a.user_id = $1::text) AND ($2::text IS NULL OR a.project_id = $2::text)
 ORDER BY u.name, p.name, a.role;

-- :name token_create none digest user project methods audit chain seconds parent
-- A token made from a token ends with it, and is not made when that one is gone.  May run twice.
INSERT INTO identity.tokens (digest, user_id, project_id, methods, audit_id, chain_id, expires_at)
SELECT $1::text, $2::text, $3::text, $4::text, $5::text, $6::text,
       COALESCE(p.expires_at, clock_timestamp() + make_interval(secs => $7::bigint))
  FROM (SELECT 1) AS one
  LEFT JOIN identity.tokens p ON p.digest = $8::text
 WHERE $8::text IS NULL OR p.digest IS NOT NULL
    ON CONFLICT (digest) DO NOTHING;

-- :name token_get one digest
-- Nothing for a token that has ended, or whose user or project is disabled.
SELECT t.user_id, u.name AS user_name, t.project_id, p.name AS project_name, t.methods, t.audit_id, t.chain_id,
       (SELECT string_agg(a.role, ',') FROM identity.assignments a
         WHERE a.user_id = t.user_id AND a.project_id = t.project_id) AS roles,
       nova_usec(t.issued_at) AS issued_us, nova_usec(t.expires_at) AS expires_us,
       nova_usec(t.expires_at) - nova_usec(clock_timestamp()) AS remaining_us
  FROM identity.tokens t
  JOIN identity.users u ON u.id = t.user_id AND u.enabled
  LEFT JOIN identity.projects p ON p.id = t.project_id
 WHERE t.digest = $1 AND t.expires_at > clock_timestamp() AND (t.project_id IS NULL OR p.enabled);

-- :name token_revoke none digest
DELETE FROM identity.tokens WHERE digest = $1;

-- :name tokens_revoke_user none user
DELETE FROM identity.tokens WHERE user_id = $1;

-- :name tokens_purge none
-- A few of those that have ended; every new token clears away more than itself.
DELETE FROM identity.tokens
 WHERE digest IN (SELECT digest FROM identity.tokens WHERE expires_at < clock_timestamp() LIMIT 20 FOR UPDATE SKIP LOCKED);
