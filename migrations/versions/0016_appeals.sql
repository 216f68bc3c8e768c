-- Appeals: the ordinals of their numbers, their read model, and who sees it (see 0014).
SET ROLE redress_owner;

CREATE SEQUENCE process.appeal_numbers;

CREATE TABLE read.appeals (
    id uuid PRIMARY KEY,
    number text NOT NULL,
    complaint uuid NOT NULL,
    customer uuid NOT NULL,
    state text NOT NULL,
    open boolean NOT NULL,
    authority text NOT NULL,
    reference text NOT NULL,
    cause text NOT NULL,
    received_at timestamptz NOT NULL,
    historical boolean NOT NULL,
    version bigint NOT NULL,
    department text,
    region text,
    outlet text,
    partner text,
    valid boolean,
    liability text,
    rule_source text,
    rule text,
    measures text NOT NULL,
    found_at timestamptz,
    liability_at timestamptz,
    settled_at timestamptz,
    answered_at timestamptz,
    ended_at timestamptz
);
CREATE UNIQUE INDEX ON read.appeals (number);
CREATE INDEX ON read.appeals (complaint);
CREATE INDEX ON read.appeals (received_at, id);
CREATE INDEX ON read.appeals (department, received_at);
CREATE INDEX ON read.appeals (received_at, id) WHERE open;

-- What people wrote; gone when the customer is erased.
CREATE TABLE read_personal.appeal_texts (
    id uuid PRIMARY KEY,
    customer uuid NOT NULL,
    facts text,
    finding text,
    note text,
    answer text
);
CREATE INDEX ON read_personal.appeal_texts (customer);

ALTER TABLE read.appeals ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE read_personal.appeal_texts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY projected ON read.appeals TO redress_writer USING (true);
CREATE POLICY projected ON read_personal.appeal_texts TO redress_writer USING (true);

-- For staff: nothing of an appeal belongs to a partner.
CREATE POLICY reached ON read.appeals FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('reach', 'any'))
    OR department = ANY ((SELECT read.scope_names('departments'))::text[])
    OR region = ANY ((SELECT read.scope_names('regions'))::text[])
    OR outlet = ANY ((SELECT read.scope_names('outlets'))::text[])
);
CREATE POLICY reached ON read_personal.appeal_texts FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('personal', 'true'))
    AND ((SELECT read.scope_says('reach', 'any'))
        OR EXISTS (SELECT FROM read.appeals AS a WHERE a.id = appeal_texts.id))
);

-- The history of an appeal is seen with it, beside the histories of 0014.
CREATE POLICY reached_appeals ON read.case_entries FOR SELECT TO redress_reader USING (
    EXISTS (SELECT FROM read.appeals AS a WHERE a.id = case_id)
);
CREATE POLICY reached_appeals ON read.case_links FOR SELECT TO redress_reader USING (
    EXISTS (SELECT FROM read.appeals AS a WHERE a.id = from_id)
);

RESET ROLE;
