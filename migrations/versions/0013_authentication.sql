-- Scopes, rotation and last use of API keys; sessions of people (decision 0011).
SET ROLE redress_owner;

ALTER TABLE ops.api_keys
    ADD COLUMN operations text[], -- NULL: all that the role allows
    ADD COLUMN units text[],      -- kind:code; NULL: the whole company
    ADD COLUMN replaces uuid;

-- A key that replaces another one limits the other's life, in the same transaction.
CREATE OR REPLACE FUNCTION ops.follow_api_keys() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
    data jsonb := convert_from(NEW.state, 'UTF8')::jsonb -> 'data';
BEGIN
    IF NEW.topic = 'api_key.issued' THEN
        INSERT INTO ops.api_keys (id, prefix, digest, role, holder, name, expires_at, issued_at,
            operations, units, replaces)
        VALUES (NEW.originator_id, data ->> 'prefix', data ->> 'digest', data ->> 'key_role',
            data ->> 'holder', data ->> 'name', (data ->> 'expires_at')::timestamptz,
            NEW.recorded_at,
            CASE WHEN data ? 'operations'
                THEN ARRAY(SELECT jsonb_array_elements_text(data -> 'operations')) END,
            CASE WHEN data ? 'units'
                THEN ARRAY(SELECT jsonb_array_elements_text(data -> 'units')) END,
            (data ->> 'replaces')::uuid);
        UPDATE ops.api_keys
        SET expires_at = LEAST(expires_at, (data ->> 'replaced_until')::timestamptz)
        WHERE id = (data ->> 'replaces')::uuid;
    ELSIF NEW.topic = 'api_key.revoked' THEN
        UPDATE ops.api_keys SET revoked_at = NEW.recorded_at WHERE id = NEW.originator_id;
    END IF;
    PERFORM pg_notify('redress_keys', NEW.originator_id::text);
    RETURN NULL;
END
$$;

-- When a key was last used, to the minute.
CREATE TABLE ops.api_key_uses (
    key uuid PRIMARY KEY,
    used_at timestamptz NOT NULL
);

-- A session belongs to a person whom the identity provider knows, or to an API key. The id in the
-- browser's cookie is not stored, only its SHA-256 digest.
CREATE TABLE ops.sessions (
    digest bytea PRIMARY KEY,
    person text,
    api_key uuid,
    expires_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    CHECK (num_nonnulls(person, api_key) = 1)
);
CREATE INDEX ON ops.sessions (expires_at);
REVOKE SELECT ON ops.sessions FROM redress_reader;

RESET ROLE;
