-- One data key per data subject, wrapped by the master key that lives outside the database.
-- Erasing a subject sets wrapped to NULL: what was encrypted under it is then gone for good.
-- Nothing refers to this table by foreign key, so that it can move to another database.
SET ROLE redress_owner;

CREATE TABLE keys.subject_keys (
    subject uuid NOT NULL,
    key_version integer NOT NULL,
    master text NOT NULL,
    wrapped bytea,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    destroyed_at timestamptz,
    PRIMARY KEY (subject, key_version)
);

-- The one master key that all data keys are wrapped by; the row is written when a server first opens
-- the database, so that two servers with different key files cannot both use it.
CREATE TABLE keys.master (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    id text NOT NULL
);

-- Keeps new keys in the transaction that stores the first events under them. A subject that got a
-- key elsewhere in the meantime makes the whole transaction fail, since the events that come with
-- it are encrypted under a key that will not be there; DETAIL lists those subjects.
CREATE FUNCTION keys.keep(subjects uuid[], key_versions integer[], masters text[], wrapped_keys bytea[])
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
    kept uuid[];
BEGIN
    WITH inserted AS (
        INSERT INTO keys.subject_keys (subject, key_version, master, wrapped)
        SELECT * FROM unnest(subjects, key_versions, masters, wrapped_keys) AS k (subject)
        ORDER BY k.subject -- so that two writers never wait for each other
        ON CONFLICT DO NOTHING
        RETURNING subject
    )
    SELECT array_agg(subject) INTO kept FROM inserted;
    IF cardinality(kept) IS DISTINCT FROM cardinality(subjects) THEN
        RAISE EXCEPTION 'subject keys exist already' USING
            ERRCODE = 'RD001',
            DETAIL = array_to_string(ARRAY(
                SELECT s FROM unnest(subjects) AS s WHERE s <> ALL (coalesce(kept, '{}'))
            ), ',');
    END IF;
    RETURN cardinality(kept);
END
$$;
REVOKE ALL ON FUNCTION keys.keep FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keys.keep TO redress_writer;

RESET ROLE;
