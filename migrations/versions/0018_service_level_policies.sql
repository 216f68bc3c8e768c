-- The versions of the service-level policies and their clocks; reference data for everybody who
-- reads at all (see 0014).
SET ROLE redress_owner;

CREATE TABLE read.service_level_policies (
    id text PRIMARY KEY,
    policy uuid NOT NULL,
    code text NOT NULL,
    version bigint NOT NULL,
    effective_from timestamptz NOT NULL,
    adopted_at timestamptz NOT NULL,
    adopted_by text NOT NULL,
    name_en text NOT NULL,
    name_zh text NOT NULL,
    time_zone text NOT NULL,
    accounts text NOT NULL,
    ended_at timestamptz
);
CREATE INDEX ON read.service_level_policies (policy, version);
CREATE INDEX ON read.service_level_policies (code, effective_from, id);
CREATE INDEX ON read.service_level_policies (effective_from, id);

CREATE TABLE read.service_level_clocks (
    id text PRIMARY KEY,
    version_id text NOT NULL,
    place bigint NOT NULL,
    code text NOT NULL,
    name_en text NOT NULL,
    name_zh text NOT NULL,
    basis text NOT NULL,
    amount bigint NOT NULL,
    starts_on text NOT NULL,
    stops_on text NOT NULL,
    cancels_on text NOT NULL,
    lapses_on text NOT NULL,
    calendar text NOT NULL,
    pauses boolean NOT NULL,
    warn_percent bigint,
    source_en text NOT NULL,
    source_zh text NOT NULL
);
CREATE INDEX ON read.service_level_clocks (version_id, place);

CREATE TABLE read.service_level_alerts (
    id text PRIMARY KEY,
    clock_id text NOT NULL,
    place bigint NOT NULL,
    cause text NOT NULL,
    recipient text NOT NULL,
    patience_minutes bigint NOT NULL,
    person text
);
CREATE INDEX ON read.service_level_alerts (clock_id, place);

CREATE TABLE read.service_level_departments (
    id text PRIMARY KEY,
    version_id text NOT NULL,
    place bigint NOT NULL,
    department text NOT NULL,
    calendar text NOT NULL
);
CREATE INDEX ON read.service_level_departments (version_id, place);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['service_level_policies', 'service_level_clocks',
        'service_level_alerts', 'service_level_departments']
    LOOP
        EXECUTE format('ALTER TABLE read.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
            name);
        EXECUTE format('CREATE POLICY projected ON read.%I TO redress_writer USING (true)', name);
        EXECUTE format('CREATE POLICY reached ON read.%I FOR SELECT TO redress_reader'
            ' USING ((SELECT read.scope() IS NOT NULL))', name);
    END LOOP;
END
$$;

RESET ROLE;
