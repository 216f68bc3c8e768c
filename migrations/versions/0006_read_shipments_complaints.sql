-- Read models of shipments, complaints, ratings and case histories. Indexes are unnamed: a rebuilt
-- shadow (LIKE ... INCLUDING ALL) then carries the same names in its own schema.
SET ROLE redress_owner;

CREATE TABLE read.shipments (
    id uuid PRIMARY KEY,
    waybill text NOT NULL,
    partner text,
    partner_reference text,
    service_class text,
    origin text,
    destination text,
    region text,
    outlet text,
    ordered_at timestamptz,
    accepted_at timestamptz,
    promised_by timestamptz,
    delivered_at timestamptz,
    fee_minor bigint,
    surcharges_minor bigint,
    declared_value_minor bigint,
    currency text,
    insured boolean NOT NULL,
    customer uuid,
    last_milestone text,
    last_milestone_at timestamptz,
    import_source text,
    opened_at timestamptz NOT NULL,
    version bigint NOT NULL
);
CREATE INDEX ON read.shipments (opened_at, id);
CREATE INDEX ON read.shipments (upper(waybill));
CREATE INDEX ON read.shipments (import_source, opened_at, id);
CREATE INDEX ON read.shipments (partner, opened_at, id);

CREATE TABLE read.milestones (
    position bigint PRIMARY KEY,
    shipment uuid NOT NULL,
    kind text NOT NULL,
    place text,
    occurred_at timestamptz NOT NULL
);
CREATE INDEX ON read.milestones (shipment, occurred_at);

CREATE TABLE read.complaints (
    id uuid PRIMARY KEY,
    number text NOT NULL,
    state text NOT NULL,
    channel text NOT NULL,
    category text NOT NULL,
    severity text NOT NULL,
    urgent boolean NOT NULL,
    customer uuid NOT NULL,
    waybill text,
    shipment uuid,
    region text,
    outlet text,
    department text,
    handler text,
    partner text,
    partner_reference text,
    received_at timestamptz NOT NULL,
    registered_at timestamptz,
    declined_at timestamptz,
    assigned_at timestamptz,
    answered_at timestamptz,
    closed_at timestamptz,
    first_contact boolean,
    score bigint,
    import_source text,
    historical boolean NOT NULL,
    version bigint NOT NULL
);
CREATE UNIQUE INDEX ON read.complaints (number);
CREATE INDEX ON read.complaints (received_at, id);
CREATE INDEX ON read.complaints (state, received_at, id);
CREATE INDEX ON read.complaints (import_source, received_at, id);
CREATE INDEX ON read.complaints (partner, received_at, id);
CREATE INDEX ON read.complaints (shipment);

CREATE TABLE read_personal.complaint_texts (
    id uuid PRIMARY KEY,
    customer uuid NOT NULL,
    complainant text,
    contact text,
    subject text,
    facts text,
    request text,
    explanation text,
    answer text,
    rating_comment text
);
CREATE INDEX ON read_personal.complaint_texts (customer);

CREATE TABLE read.ratings (
    position bigint PRIMARY KEY,
    kind text NOT NULL,
    subject uuid NOT NULL,
    reference text,
    score bigint NOT NULL,
    rated_at timestamptz NOT NULL,
    import_source text
);
CREATE INDEX ON read.ratings (subject);
CREATE INDEX ON read.ratings (import_source, position);

CREATE TABLE read_personal.rating_texts (
    position bigint PRIMARY KEY,
    customer uuid NOT NULL,
    title text,
    comment text
);
CREATE INDEX ON read_personal.rating_texts (customer);

CREATE TABLE read.case_entries (
    position bigint PRIMARY KEY,
    case_id uuid NOT NULL,
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

RESET ROLE;
