-- SPDX-License-Identifier: Apache-2.0
-- Users, projects, roles and tokens, for [api] auth = builtin and basic.  They live in a schema of their own, so
-- that no grant on the tables of everybody reaches them.  A role's name is that of src/model/identity.c; a test
-- compares the two.  Of a token only the SHA-256 is kept, of a password only its hash.

CREATE SCHEMA identity;

CREATE TABLE identity.projects (
    id          text PRIMARY KEY,
    name        text NOT NULL,
    description text NOT NULL DEFAULT '',
    enabled     boolean NOT NULL DEFAULT true,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT projects_name UNIQUE (name)
);

CREATE TABLE identity.users (
    id                  text PRIMARY KEY,
    name                text NOT NULL,
    password_hash       text NOT NULL,
    enabled             boolean NOT NULL DEFAULT true,
    default_project_id  text REFERENCES identity.projects ON DELETE SET NULL,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    password_changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT users_name UNIQUE (name)
);

CREATE TABLE identity.assignments (
    user_id     text NOT NULL REFERENCES identity.users ON DELETE CASCADE,
    project_id  text NOT NULL REFERENCES identity.projects ON DELETE CASCADE,
    role        text NOT NULL
        CONSTRAINT assignments_role CHECK (role IN ('admin', 'manager', 'member', 'reader')),
    PRIMARY KEY (user_id, project_id, role)
);
CREATE INDEX assignments_by_project ON identity.assignments (project_id);

CREATE TABLE identity.tokens (
    digest      text PRIMARY KEY,               -- SHA-256 of the token, hex
    user_id     text NOT NULL REFERENCES identity.users ON DELETE CASCADE,
    project_id  text REFERENCES identity.projects ON DELETE CASCADE, -- NULL: no scope
    methods     text NOT NULL,
    audit_id    text NOT NULL,
    chain_id    text NOT NULL,                  -- audit_id of the first token of the chain
    issued_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at  timestamptz NOT NULL
);
CREATE INDEX tokens_by_user ON identity.tokens (user_id);
CREATE INDEX tokens_by_project ON identity.tokens (project_id);
CREATE INDEX tokens_by_end ON identity.tokens (expires_at);
