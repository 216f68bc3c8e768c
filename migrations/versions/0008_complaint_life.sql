-- The whole life of a complaint in its read model. The tables that grow columns are made anew: the
-- projector fills them again from the log.
SET ROLE redress_owner;

DELETE FROM ops.projection_positions WHERE projection = 'complaints';
DELETE FROM ops.parked_events WHERE projection = 'complaints';
DROP TABLE read.complaints, read_personal.complaint_texts;

CREATE TABLE read.complaints (
    id uuid PRIMARY KEY,
    number text NOT NULL,
    state text NOT NULL,
    state_since timestamptz NOT NULL,
    open boolean NOT NULL,
    channel text NOT NULL,
    category text NOT NULL,
    severity text NOT NULL,
    urgent boolean NOT NULL,
    priority bigint NOT NULL,
    customer uuid NOT NULL,
    received_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    historical boolean NOT NULL,
    version bigint NOT NULL,
    resumes_to text,
    waybill text,
    shipment uuid,
    region text,
    outlet text,
    department text,
    handler text,
    accused text,
    partner text,
    partner_reference text,
    notice_channel text,
    language text,
    policy uuid,
    policy_version bigint,
    registered_at timestamptz,
    declined_at timestamptz,
    assigned_at timestamptz,
    proposed_at timestamptz,
    agreed_at timestamptz,
    answered_at timestamptz,
    remedied_at timestamptz,
    followed_up_at timestamptz,
    closed_at timestamptz,
    escalated_at timestamptz,
    escalated_to text,
    ended_at timestamptz,
    first_contact boolean,
    rule_source text,
    rule text,
    feasibility text,
    measures text NOT NULL,
    measures_left text NOT NULL,
    follow_up text,
    settled_items text NOT NULL,
    quality_steps text NOT NULL,
    links text NOT NULL,
    reopenings bigint NOT NULL,
    disputes bigint NOT NULL,
    merged_into uuid,
    score bigint,
    import_source text
);
CREATE UNIQUE INDEX ON read.complaints (number);
CREATE INDEX ON read.complaints (received_at, id);
CREATE INDEX ON read.complaints (priority, id) WHERE open;
CREATE INDEX ON read.complaints (state, received_at, id);
CREATE INDEX ON read.complaints (category, received_at, id);
CREATE INDEX ON read.complaints (severity, received_at, id);
CREATE INDEX ON read.complaints (department, received_at, id);
CREATE INDEX ON read.complaints (department, priority, id) WHERE open;
CREATE INDEX ON read.complaints (handler, received_at, id);
CREATE INDEX ON read.complaints (handler, priority, id) WHERE open;
CREATE INDEX ON read.complaints (region, received_at, id);
CREATE INDEX ON read.complaints (outlet, received_at, id);
CREATE INDEX ON read.complaints (import_source, received_at, id);
CREATE INDEX ON read.complaints (partner, received_at, id);
CREATE INDEX ON read.complaints (shipment);
CREATE INDEX ON read.complaints (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE read_personal.complaint_texts (
    id uuid PRIMARY KEY,
    customer uuid NOT NULL,
    complainant text,
    contact text,
    subject text,
    facts text,
    request text,
    explanation text,
    proposal text,
    answer text,
    rating_comment text
);
CREATE INDEX ON read_personal.complaint_texts (customer);

CREATE TABLE read_personal.remarks (
    position bigint PRIMARY KEY,
    complaint uuid NOT NULL,
    customer uuid NOT NULL,
    kind text NOT NULL,
    occurred_at timestamptz NOT NULL,
    actor text NOT NULL,
    remark text
);
CREATE INDEX ON read_personal.remarks (complaint, position);
CREATE INDEX ON read_personal.remarks (customer);

CREATE TABLE read.evidence (
    position bigint PRIMARY KEY,
    complaint uuid NOT NULL,
    number bigint NOT NULL,
    kind text NOT NULL,
    media_type text NOT NULL,
    size bigint NOT NULL,
    sha256 text NOT NULL,
    added_at timestamptz NOT NULL,
    added_by text NOT NULL,
    superseded_at timestamptz,
    superseded_by bigint
);
CREATE INDEX ON read.evidence (complaint, position);

CREATE TABLE read_personal.evidence_texts (
    position bigint PRIMARY KEY,
    customer uuid NOT NULL,
    reference text,
    note text
);
CREATE INDEX ON read_personal.evidence_texts (customer);

CREATE TABLE read.complaint_policies (
    id text PRIMARY KEY,
    policy uuid NOT NULL,
    version bigint NOT NULL,
    effective_from timestamptz NOT NULL,
    adopted_at timestamptz NOT NULL,
    adopted_by text NOT NULL,
    reopen_days bigint NOT NULL,
    notice_working_days bigint NOT NULL
);

CREATE TABLE read.policy_steps (
    id text PRIMARY KEY,
    version_id text NOT NULL,
    step text NOT NULL,
    owner text NOT NULL,
    hours bigint NOT NULL
);

CREATE TABLE read.improvements (
    id uuid PRIMARY KEY,
    complaint uuid NOT NULL,
    department text NOT NULL,
    owner text NOT NULL,
    state text NOT NULL,
    task text NOT NULL,
    progress text,
    result text,
    raised_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    ended_at timestamptz,
    late boolean,
    version bigint NOT NULL
);
CREATE INDEX ON read.improvements (complaint);
CREATE INDEX ON read.improvements (due_at, id);
CREATE INDEX ON read.improvements (department, due_at, id);

RESET ROLE;
