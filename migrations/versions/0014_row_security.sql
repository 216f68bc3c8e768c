-- Row-level security on all read models, as the second wall behind the program's own conditions
-- (architecture 7; docs/decisions/0012-authorisation.md). What a transaction of redress_reader sees
-- follows from its setting redress.scope, JSON as application/permissions.py writes it; without the
-- setting it sees nothing. Each condition on the setting stands in a subquery of its own: evaluated
-- once for a query, not once for a row. Rows and policies of a table that is rebuilt stay together
-- (projections/rebuild.py). Later migrations empty a table by TRUNCATE: for DELETE its owner sees
-- no rows.
SET ROLE redress_owner;

CREATE FUNCTION read.scope() RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('redress.scope', true), '')::jsonb;

CREATE FUNCTION read.scope_says(name text, said text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(read.scope() ->> name = said, false);

CREATE FUNCTION read.scope_names(name text) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
RETURN ARRAY(SELECT jsonb_array_elements_text(read.scope() -> name));

DO $$
DECLARE
    table_name text;
BEGIN
    FOR table_name IN
        SELECT oid::regclass FROM pg_class
        WHERE relkind = 'r' AND relnamespace IN ('read'::regnamespace, 'read_personal'::regnamespace)
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
            table_name);
        EXECUTE format('CREATE POLICY projected ON %s TO redress_writer USING (true)', table_name);
    END LOOP;
END
$$;

-- To whom a row belongs. The owner's own functions see complaints as the reader does.
CREATE POLICY reached ON read.complaints FOR SELECT TO redress_reader, redress_owner USING (
    (SELECT read.scope_says('reach', 'any'))
    OR partner = (SELECT read.scope() ->> 'partner')
    OR handler = (SELECT read.scope() ->> 'person')
    OR department = ANY ((SELECT read.scope_names('departments'))::text[])
    OR region = ANY ((SELECT read.scope_names('regions'))::text[])
    OR outlet = ANY ((SELECT read.scope_names('outlets'))::text[])
);
CREATE POLICY reached ON read.shipments FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('shipments', 'any'))
    OR partner = (SELECT read.scope() ->> 'partner')
    OR region = ANY ((SELECT read.scope_names('regions'))::text[])
    OR outlet = ANY ((SELECT read.scope_names('outlets'))::text[])
);
CREATE POLICY reached ON read.improvements FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('reach', 'any'))
    OR owner = (SELECT read.scope() ->> 'person')
    OR department = ANY ((SELECT read.scope_names('departments'))::text[])
);

-- Parts of a case are seen with it: the policies of the tables asked here apply, too.
CREATE POLICY reached ON read.evidence FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('reach', 'any'))
    OR EXISTS (SELECT FROM read.complaints AS c WHERE c.id = complaint)
);
CREATE POLICY reached ON read.notices FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('reach', 'any'))
    OR (SELECT read.scope_says('staff', 'true'))
    AND EXISTS (SELECT FROM read.complaints AS c WHERE c.id = case_id)
);
CREATE POLICY reached ON read.milestones FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('shipments', 'any'))
    OR EXISTS (SELECT FROM read.shipments AS s WHERE s.id = shipment)
);
CREATE POLICY reached ON read.ratings FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('reach', 'any'))
    OR EXISTS (SELECT FROM read.complaints AS c WHERE c.id = subject)
    OR EXISTS (SELECT FROM read.shipments AS s WHERE s.id = subject AND (
        s.partner = (SELECT read.scope() ->> 'partner')
        OR s.region = ANY ((SELECT read.scope_names('regions'))::text[])
        OR s.outlet = ANY ((SELECT read.scope_names('outlets'))::text[])
    ))
);
CREATE POLICY reached ON read.rated FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('reach', 'any'))
    OR EXISTS (SELECT FROM read.complaints AS c WHERE c.id = rated.id)
    OR EXISTS (SELECT FROM read.shipments AS s WHERE s.id = rated.id AND (
        s.partner = (SELECT read.scope() ->> 'partner')
        OR s.region = ANY ((SELECT read.scope_names('regions'))::text[])
        OR s.outlet = ANY ((SELECT read.scope_names('outlets'))::text[])
    ))
);
CREATE POLICY reached ON read.case_entries FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('reach', 'any'))
    OR EXISTS (SELECT FROM read.complaints AS c WHERE c.id = case_id)
    OR EXISTS (SELECT FROM read.shipments AS s WHERE s.id = case_id)
    OR EXISTS (SELECT FROM read.improvements AS i WHERE i.id = case_id)
    OR EXISTS (SELECT FROM read.notices AS n WHERE n.id = case_entries.case_id)
);
CREATE POLICY reached ON read.case_links FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('reach', 'any'))
    OR EXISTS (SELECT FROM read.complaints AS c WHERE c.id = from_id)
    OR EXISTS (SELECT FROM read.complaints AS c WHERE c.id = to_id)
    OR EXISTS (SELECT FROM read.shipments AS s WHERE s.id = from_id)
    OR EXISTS (SELECT FROM read.shipments AS s WHERE s.id = to_id)
);

-- What people wrote, only for who may read it.
CREATE POLICY reached ON read_personal.complaint_texts FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('personal', 'true'))
    AND ((SELECT read.scope_says('reach', 'any'))
        OR EXISTS (SELECT FROM read.complaints AS c WHERE c.id = complaint_texts.id))
);
CREATE POLICY reached ON read_personal.complaint_words FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('personal', 'true'))
    AND ((SELECT read.scope_says('reach', 'any'))
        OR EXISTS (SELECT FROM read.complaints AS c WHERE c.id = complaint_words.id))
);
CREATE POLICY reached ON read_personal.remarks FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('personal', 'true'))
    AND ((SELECT read.scope_says('reach', 'any'))
        OR EXISTS (SELECT FROM read.complaints AS c WHERE c.id = complaint))
);
CREATE POLICY reached ON read_personal.evidence_texts FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('personal', 'true'))
    AND ((SELECT read.scope_says('reach', 'any'))
        OR EXISTS (SELECT FROM read.evidence AS e WHERE e.position = evidence_texts.position))
);
CREATE POLICY reached ON read_personal.rating_texts FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('personal', 'true'))
    AND ((SELECT read.scope_says('reach', 'any'))
        OR EXISTS (SELECT FROM read.ratings AS r WHERE r.position = rating_texts.position))
);
CREATE POLICY reached ON read_personal.people_names FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('personal', 'true')) AND (SELECT read.scope_says('staff', 'true'))
);

-- Reference data: the organisation for staff, the policies for everybody who reads at all.
CREATE POLICY reached ON read.units FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('staff', 'true'))
);
CREATE POLICY reached ON read.people FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('staff', 'true'))
);
CREATE POLICY reached ON read.appointments FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('staff', 'true'))
);
CREATE POLICY reached ON read.complaint_policies FOR SELECT TO redress_reader USING (
    (SELECT read.scope() IS NOT NULL)
);
CREATE POLICY reached ON read.policy_steps FOR SELECT TO redress_reader USING (
    (SELECT read.scope() IS NOT NULL)
);

-- Searching goes through a function of the owner's, because the policy of the reader would keep
-- the index from being used. It finds what the scope reaches, and only for who may read texts.
CREATE POLICY searched ON read_personal.complaint_words FOR SELECT TO redress_owner USING (true);
DROP FUNCTION read_personal.find_complaints;
CREATE FUNCTION read_personal.find_complaints(searched text[])
RETURNS SETOF uuid
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER ROWS 100
SET search_path = pg_catalog
AS $$
BEGIN
    IF read.scope_says('personal', 'true') THEN
        RETURN QUERY SELECT w.id FROM read_personal.complaint_words AS w
        WHERE string_to_array(w.words, ' ') @> searched
            AND EXISTS (SELECT FROM read.complaints AS c WHERE c.id = w.id);
    END IF;
END
$$;
REVOKE ALL ON FUNCTION read_personal.find_complaints FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_personal.find_complaints TO redress_reader;

RESET ROLE;
