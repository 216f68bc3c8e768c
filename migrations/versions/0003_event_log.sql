-- The one ordered log (architecture 3, 9.3-9.6) and the only door to it.
SET ROLE redress_owner;

CREATE TABLE log.stored_events (
    originator_id uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic text NOT NULL CHECK (octet_length(topic) BETWEEN 1 AND 63),
    state bytea NOT NULL,
    notification_id bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (originator_id, originator_version)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
CREATE UNIQUE INDEX ON log.stored_events (notification_id);

CREATE TABLE log.snapshots (
    originator_id uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    PRIMARY KEY (originator_id, originator_version)
);
GRANT INSERT, DELETE ON log.snapshots TO redress_writer;

-- What a command with this key did, kept for seven days (architecture 9.12). The key is a digest of
-- principal, operation and the caller's key; the result holds ids or a refusal, never a response.
CREATE TABLE process.idempotency (
    key uuid PRIMARY KEY,
    request_hash bytea NOT NULL,
    result bytea NOT NULL,
    position bigint NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX ON process.idempotency USING brin (recorded_at);
REVOKE INSERT, UPDATE ON process.idempotency FROM redress_writer;

-- Stores a batch of commands: all events of a command or none, and what a command answered in the
-- same transaction. A command whose idempotency key or whose (id, version) is there already is left
-- out and reported; the others are stored.
--
-- The EXCLUSIVE lock makes the order of positions the order of commits: a reader that has seen
-- position n will never find a smaller one later. Under it the next position is simply the last
-- one plus one, and recorded_at never decreases.
CREATE FUNCTION log.append(
    command_keys uuid[],        -- one per command; NULL: no idempotency row
    request_hashes bytea[],
    results bytea[],
    event_counts integer[],     -- of each command
    event_commands integer[],   -- one per event: the ordinal of its command, from 1
    originator_ids uuid[],
    originator_versions bigint[],
    topics text[],
    states bytea[],
    OUT last_position bigint,   -- before the first event of this batch
    OUT stamp timestamptz,
    OUT repeated integer[],     -- ordinals of commands whose key was there
    OUT conflicting integer[]   -- ordinals of commands whose events clash
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog
SET lock_timeout = '5s'
-- The plan is kept for the session, also from a time when the table was small.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    stored bigint;
BEGIN
    LOCK TABLE log.stored_events IN EXCLUSIVE MODE;

    SELECT notification_id, recorded_at INTO last_position, stamp
    FROM log.stored_events ORDER BY notification_id DESC LIMIT 1;
    last_position := coalesce(last_position, 0);
    stamp := greatest(clock_timestamp(), stamp);

    -- Nearly always nothing clashes: store everything, and look closer only if that fails.
    BEGIN
        INSERT INTO log.stored_events
            (originator_id, originator_version, topic, state, notification_id, recorded_at)
        SELECT e.id, e.version, e.topic, e.state, last_position + e.ordinal, stamp
        FROM unnest(originator_ids, originator_versions, topics, states)
            WITH ORDINALITY AS e (id, version, topic, state, ordinal);
        GET DIAGNOSTICS stored = ROW_COUNT;
        INSERT INTO process.idempotency (key, request_hash, result, position, recorded_at)
        SELECT c.key, c.request_hash, c.result, c.position, stamp
        FROM (
            SELECT u.key, u.request_hash, u.result,
                last_position + sum(u.events) OVER (ORDER BY u.ordinal) AS position
            FROM unnest(command_keys, request_hashes, results, event_counts)
                WITH ORDINALITY AS u (key, request_hash, result, events, ordinal)
        ) AS c
        WHERE c.key IS NOT NULL;
        repeated := '{}';
        conflicting := '{}';
    EXCEPTION WHEN unique_violation THEN
        repeated := ARRAY(
            SELECT c.ordinal::integer
            FROM unnest(command_keys) WITH ORDINALITY AS c (key, ordinal)
            JOIN process.idempotency AS i ON i.key = c.key
        );
        conflicting := ARRAY(
            SELECT DISTINCT e.command
            FROM unnest(event_commands, originator_ids, originator_versions)
                AS e (command, id, version)
            JOIN log.stored_events AS s
                ON s.originator_id = e.id AND s.originator_version = e.version
            WHERE e.command <> ALL (repeated)
        );
        INSERT INTO log.stored_events
            (originator_id, originator_version, topic, state, notification_id, recorded_at)
        SELECT e.id, e.version, e.topic, e.state,
            last_position + row_number() OVER (ORDER BY e.ordinal), stamp
        FROM unnest(event_commands, originator_ids, originator_versions, topics, states)
            WITH ORDINALITY AS e (command, id, version, topic, state, ordinal)
        WHERE e.command <> ALL (repeated) AND e.command <> ALL (conflicting);
        GET DIAGNOSTICS stored = ROW_COUNT;
        INSERT INTO process.idempotency (key, request_hash, result, position, recorded_at)
        SELECT c.key, c.request_hash, c.result, c.position, stamp
        FROM (
            SELECT u.key, u.request_hash, u.result,
                last_position + sum(u.events) OVER (ORDER BY u.ordinal) AS position
            FROM unnest(command_keys, request_hashes, results, event_counts)
                WITH ORDINALITY AS u (key, request_hash, result, events, ordinal)
            WHERE u.ordinal <> ALL (repeated) AND u.ordinal <> ALL (conflicting)
        ) AS c
        WHERE c.key IS NOT NULL;
    END;

    IF stored > 0 THEN
        PERFORM pg_notify('redress_events', (last_position + stored)::text);
    END IF;
END
$$;
REVOKE ALL ON FUNCTION log.append FROM PUBLIC;
GRANT EXECUTE ON FUNCTION log.append TO redress_writer;

-- Ordinals of the numbers that people read (architecture 9.2); gaps are allowed.
CREATE SEQUENCE process.complaint_numbers;

RESET ROLE;
