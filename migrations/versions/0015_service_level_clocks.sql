-- The clocks of cases: their read models, and the due table of the timers (architecture 9.16).
SET ROLE redress_owner;

-- Rules (policies, calendars, units, staff) are read from the log by those who fold it.
CREATE INDEX ON log.stored_events (notification_id)
WHERE split_part(topic, '.', 1) IN ('calendar', 'person', 'service_level_policy', 'unit');

-- What the timers know of each case, and when they look at it next; NULL: nothing is to come.
CREATE TABLE process.case_clocks (
    case_id uuid PRIMARY KEY,
    stream uuid NOT NULL, -- of what is put on record of its clocks
    docket text NOT NULL,
    due_at timestamptz,
    counts_days boolean NOT NULL, -- a live clock of it does: a new calendar may move the deadline
    parked boolean NOT NULL DEFAULT false -- an event of it could not be used: it is left as it was
) WITH (fillfactor = 80, toast_tuple_target = 8160); -- to compress it takes longer than to write it
CREATE INDEX ON process.case_clocks (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ON process.case_clocks (case_id) WHERE counts_days;
CREATE INDEX ON process.case_clocks (stream);

-- Changes of calendars of which not all deadlines were looked at yet.
CREATE TABLE process.calendar_changes (
    position bigint PRIMARY KEY,
    calendar text NOT NULL,
    reason text NOT NULL,
    after_case uuid NOT NULL -- up to which, in the order of ids, cases were looked at
);

CREATE TABLE read.sla_dockets (
    case_id uuid PRIMARY KEY,
    stream uuid NOT NULL, -- of what is put on record of its clocks
    docket text NOT NULL
);
CREATE INDEX ON read.sla_dockets (stream);

CREATE TABLE read.sla_clocks (
    id uuid PRIMARY KEY,
    case_id uuid NOT NULL,
    case_kind text NOT NULL,
    case_number text NOT NULL,
    clock text NOT NULL,
    name_en text NOT NULL,
    name_zh text NOT NULL,
    number bigint NOT NULL,
    state text NOT NULL,
    live boolean NOT NULL,
    basis text NOT NULL,
    target bigint NOT NULL,
    policy text NOT NULL,
    policy_version bigint NOT NULL,
    calendar text NOT NULL,
    calendar_version bigint NOT NULL,
    time_zone text NOT NULL,
    started_at timestamptz NOT NULL,
    started_by text NOT NULL,
    month text NOT NULL,
    due_at timestamptz NOT NULL,
    rolled_to timestamptz,
    provisional boolean NOT NULL,
    warn_at timestamptz,
    warned_at timestamptz,
    breached_at timestamptz,
    annotated_at timestamptz,
    annotated_by text,
    paused_at timestamptz,
    remaining bigint,
    paused_seconds bigint NOT NULL,
    ended_at timestamptz,
    ended_by text,
    duration_seconds bigint,
    department text,
    region text,
    outlet text,
    category text,
    severity text,
    handler text,
    partner text,
    historical boolean NOT NULL,
    import_source text,
    position bigint NOT NULL
) WITH (fillfactor = 85);
CREATE INDEX ON read.sla_clocks (case_id, id);
CREATE INDEX ON read.sla_clocks (due_at, id);
CREATE INDEX ON read.sla_clocks (due_at, id) WHERE live;
CREATE INDEX ON read.sla_clocks (department, due_at, id);
CREATE INDEX ON read.sla_clocks (region, due_at, id);
CREATE INDEX ON read.sla_clocks (handler, due_at, id);

-- Each state that a clock was in, with the times of all three clocks of the log at which it was:
-- what begins is inside, what ends is not. A moment that was never is empty: both ends are equal.
CREATE TABLE read.sla_past (
    LIKE read.sla_clocks,
    past_id uuid PRIMARY KEY,
    position_from bigint NOT NULL,
    position_until bigint NOT NULL,
    recorded_from timestamptz NOT NULL,
    recorded_until timestamptz NOT NULL,
    occurred_from timestamptz NOT NULL,
    occurred_until timestamptz NOT NULL
);
CREATE INDEX ON read.sla_past (case_id);
CREATE INDEX ON read.sla_past (id);
-- Whoever asks for an early moment need not read what came later.
CREATE INDEX ON read.sla_past USING brin (position_from, recorded_from, occurred_from);

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['sla_dockets', 'sla_clocks', 'sla_past'] LOOP
        EXECUTE format('ALTER TABLE read.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
            table_name);
        EXECUTE format('CREATE POLICY projected ON read.%I TO redress_writer USING (true)',
            table_name);
        -- Clocks are seen with their case: the policies of the tables asked here apply, too.
        EXECUTE format($policy$
            CREATE POLICY reached ON read.%I FOR SELECT TO redress_reader USING (
                (SELECT read.scope_says('reach', 'any'))
                OR EXISTS (SELECT FROM read.complaints AS c WHERE c.id = case_id)
                OR EXISTS (SELECT FROM read.shipments AS s WHERE s.id = case_id)
            )
        $policy$, table_name);
    END LOOP;
END
$$;

-- The record of a case's clocks is seen with the case, beside the histories of 0014.
CREATE POLICY reached_clocks ON read.case_entries FOR SELECT TO redress_reader USING (
    EXISTS (SELECT FROM read.sla_dockets AS d WHERE d.stream = case_entries.case_id)
);
CREATE POLICY reached_clocks ON read.case_links FOR SELECT TO redress_reader USING (
    EXISTS (SELECT FROM read.sla_dockets AS d WHERE d.stream = from_id)
);

RESET ROLE;
