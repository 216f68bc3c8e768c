-- API keys as the server needs them, in the same transaction as their events (architecture 9.18):
-- a trigger on the log follows the api_key topics and tells running servers.
SET ROLE redress_owner;

CREATE TABLE ops.api_keys (
    id uuid PRIMARY KEY,
    prefix text NOT NULL UNIQUE,
    digest text NOT NULL,
    role text NOT NULL,
    holder text NOT NULL,
    name text,
    expires_at timestamptz,
    issued_at timestamptz NOT NULL,
    revoked_at timestamptz
);
REVOKE INSERT, UPDATE, DELETE ON ops.api_keys FROM redress_writer;
REVOKE SELECT ON ops.api_keys FROM redress_reader;

CREATE FUNCTION ops.follow_api_keys() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
    data jsonb := convert_from(NEW.state, 'UTF8')::jsonb -> 'data';
BEGIN
    IF NEW.topic = 'api_key.issued' THEN
        INSERT INTO ops.api_keys (id, prefix, digest, role, holder, name, expires_at, issued_at)
        VALUES (NEW.originator_id, data ->> 'prefix', data ->> 'digest', data ->> 'key_role',
            data ->> 'holder', data ->> 'name', (data ->> 'expires_at')::timestamptz,
            NEW.recorded_at);
    ELSIF NEW.topic = 'api_key.revoked' THEN
        UPDATE ops.api_keys SET revoked_at = NEW.recorded_at WHERE id = NEW.originator_id;
    END IF;
    PERFORM pg_notify('redress_keys', NEW.originator_id::text);
    RETURN NULL;
END
$$;
CREATE TRIGGER follow_api_keys AFTER INSERT ON log.stored_events
FOR EACH ROW WHEN (NEW.topic IN ('api_key.issued', 'api_key.revoked'))
EXECUTE FUNCTION ops.follow_api_keys();

RESET ROLE;
