-- How far each read model has come, and the events that it could not take.
SET ROLE redress_owner;

CREATE TABLE ops.projection_positions (
    projection text PRIMARY KEY,
    position bigint NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- A poison event stays here with its error, and so do the later events of the same stream, whose
-- order matters; the other streams go on. No personal data: the error's type and place only.
CREATE TABLE ops.parked_events (
    projection text NOT NULL,
    position bigint NOT NULL,
    originator_id uuid NOT NULL,
    topic text NOT NULL,
    error text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (projection, position)
);
CREATE INDEX ON ops.parked_events (projection, originator_id);

RESET ROLE;
