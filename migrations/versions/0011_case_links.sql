-- Links between the aggregates of a case, and to which aggregate an entry belongs. Both are told by
-- events of the past, too: the projection begins anew and fills its tables from the whole log.
SET ROLE redress_owner;

DROP TABLE read.case_entries;
CREATE TABLE read.case_entries (
    position bigint PRIMARY KEY,
    case_id uuid NOT NULL,
    aggregate_kind text NOT NULL,
    version bigint NOT NULL,
    topic text NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    actor text NOT NULL,
    role text NOT NULL,
    reason text,
    correlation uuid NOT NULL,
    causation uuid,
    policy uuid,
    policy_version bigint,
    source_kind text NOT NULL,
    source_name text,
    historical boolean NOT NULL,
    sentence_en text NOT NULL,
    sentence_zh text NOT NULL
);
CREATE INDEX ON read.case_entries (case_id, position);

CREATE TABLE read.case_links (
    id bigint PRIMARY KEY, -- sixteen to a position: an event may name several aggregates
    position bigint NOT NULL,
    from_id uuid NOT NULL,
    to_id uuid NOT NULL,
    relation text NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX ON read.case_links (from_id);
CREATE INDEX ON read.case_links (to_id);

DELETE FROM ops.projection_positions WHERE projection = 'audit';
DELETE FROM ops.parked_events WHERE projection = 'audit';

RESET ROLE;
