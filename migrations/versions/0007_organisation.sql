-- Read models of units, staff and appointments.
SET ROLE redress_owner;

CREATE TABLE read.units (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    code text NOT NULL,
    name_en text NOT NULL,
    name_zh text NOT NULL,
    parent uuid,
    time_zone text,
    founded_at timestamptz NOT NULL,
    closed_at timestamptz,
    version bigint NOT NULL
);
CREATE INDEX ON read.units (founded_at, id);
CREATE INDEX ON read.units (kind, founded_at, id);
CREATE INDEX ON read.units (parent, founded_at, id);

CREATE TABLE read.people (
    id uuid PRIMARY KEY,
    person text NOT NULL,
    joined_at timestamptz NOT NULL,
    version bigint NOT NULL
);

-- Who held which role in which unit, when: the end is the first instant without it, NULL if none is
-- known. person_id is the person as events and cases name people, person the stream.
CREATE TABLE read.appointments (
    id uuid PRIMARY KEY,
    person_id text NOT NULL,
    person uuid NOT NULL,
    number bigint NOT NULL,
    role text NOT NULL,
    unit uuid NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,
    decided_at timestamptz NOT NULL
);
CREATE INDEX ON read.appointments (starts_at, id);
CREATE INDEX ON read.appointments (role, starts_at, id);
CREATE INDEX ON read.appointments (unit, role, starts_at, id);
CREATE INDEX ON read.appointments (person, starts_at, number);
CREATE INDEX ON read.appointments (person_id, starts_at);

CREATE TABLE read_personal.people_names (
    id uuid PRIMARY KEY,
    name text
);

RESET ROLE;
