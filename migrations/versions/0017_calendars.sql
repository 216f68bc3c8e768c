-- Working-day calendars (domain.md 3): what each one itself says, by year and by day.
SET ROLE redress_owner;

CREATE TABLE read.calendars (
    id uuid PRIMARY KEY,
    code text NOT NULL,
    name_en text NOT NULL,
    name_zh text NOT NULL,
    weekend text NOT NULL,
    base text,
    needs_notices boolean NOT NULL,
    revision bigint NOT NULL
);
CREATE UNIQUE INDEX ON read.calendars (code);

CREATE TABLE read.calendar_years (
    id text PRIMARY KEY,
    calendar uuid NOT NULL,
    year bigint NOT NULL,
    state text NOT NULL,
    source text NOT NULL
);
CREATE INDEX ON read.calendar_years (calendar, id);

CREATE TABLE read.calendar_days (
    id text PRIMARY KEY,
    calendar uuid NOT NULL,
    year bigint NOT NULL,
    day text NOT NULL,
    kind text NOT NULL,
    works boolean NOT NULL,
    name_en text NOT NULL,
    name_zh text NOT NULL,
    notice_year bigint NOT NULL,
    in_force boolean NOT NULL -- false: a correction or the notice itself took it back
);
CREATE INDEX ON read.calendar_days (calendar, year, day);

ALTER TABLE read.calendars ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE read.calendar_years ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE read.calendar_days ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY projected ON read.calendars TO redress_writer USING (true);
CREATE POLICY projected ON read.calendar_years TO redress_writer USING (true);
CREATE POLICY projected ON read.calendar_days TO redress_writer USING (true);

-- Reference data, for everybody who reads at all.
CREATE POLICY reached ON read.calendars FOR SELECT TO redress_reader USING (
    (SELECT read.scope() IS NOT NULL)
);
CREATE POLICY reached ON read.calendar_years FOR SELECT TO redress_reader USING (
    (SELECT read.scope() IS NOT NULL)
);
CREATE POLICY reached ON read.calendar_days FOR SELECT TO redress_reader USING (
    (SELECT read.scope() IS NOT NULL)
);

RESET ROLE;
