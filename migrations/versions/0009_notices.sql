-- The queue of notices and their read model. The rights of the roles follow from the schemas (0001).
SET ROLE redress_owner;

-- How far each process manager has read the log (architecture 9.15).
CREATE TABLE process.positions (
    process text PRIMARY KEY,
    position bigint NOT NULL
) WITH (fillfactor = 50);

-- The cases whose customers get notices, and when the next regular one is due; NULL: the case ended.
CREATE TABLE process.notice_cases (
    case_id uuid PRIMARY KEY,
    case_number text NOT NULL,
    channel text NOT NULL,
    language text NOT NULL,
    working_days integer NOT NULL, -- between regular notices, as the policy of the case says
    due_at timestamptz
);
CREATE INDEX ON process.notice_cases (due_at) WHERE due_at IS NOT NULL;

-- Notices on their way; a row goes when its outcome is in the log. Who sends one holds its claim;
-- handed_to is set, once and before the first byte of the message leaves, by whoever holds it.
CREATE TABLE process.notices (
    id uuid PRIMARY KEY,
    case_id uuid NOT NULL,
    position bigint NOT NULL, -- of the event that queued it: notices of a case leave in this order
    channel text NOT NULL,
    attempts integer NOT NULL DEFAULT 0, -- that failed and may be repeated
    next_attempt_at timestamptz NOT NULL,
    claim uuid,
    handed_to text,
    CHECK (handed_to IS NULL OR claim IS NOT NULL)
);
CREATE INDEX ON process.notices (next_attempt_at) WHERE claim IS NULL;
CREATE INDEX ON process.notices (case_id, position);

CREATE TABLE read.notices (
    id uuid PRIMARY KEY,
    case_id uuid NOT NULL,
    case_number text NOT NULL,
    template text NOT NULL,
    channel text NOT NULL,
    language text NOT NULL,
    state text NOT NULL,
    attempts bigint NOT NULL,
    queued_at timestamptz NOT NULL,
    sent_at timestamptz,
    failed_at timestamptz,
    problem text,
    sender text,
    reference text,
    version bigint NOT NULL
);
CREATE INDEX ON read.notices (queued_at, id);
CREATE INDEX ON read.notices (case_id, queued_at, id);
CREATE INDEX ON read.notices (state, queued_at, id);

RESET ROLE;
