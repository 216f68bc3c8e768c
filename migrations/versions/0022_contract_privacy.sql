-- Service-level policies are contracts (before: 0018). Staff see all of them; a partner sees the
-- policy of everybody and those of which a version names it; who is neither sees none.
SET ROLE redress_owner;

-- Which policies name the partner that asks. A function of the owner's, because a policy of a table
-- cannot ask the table itself; in plpgsql, because the table is made anew when it is rebuilt.
CREATE FUNCTION read.contracts()
RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog
AS $$
BEGIN
    RETURN ARRAY(SELECT DISTINCT p.code FROM read.service_level_policies AS p
        WHERE string_to_array(p.accounts, ' ') @> ARRAY[read.scope() ->> 'partner']);
END
$$;
REVOKE ALL ON FUNCTION read.contracts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read.contracts TO redress_reader;

CREATE POLICY searched ON read.service_level_policies FOR SELECT TO redress_owner USING (true);
DROP POLICY reached ON read.service_level_policies;
CREATE POLICY reached ON read.service_level_policies FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('staff', 'true'))
    OR code = 'default' AND (SELECT read.scope() ->> 'partner' IS NOT NULL)
    OR code = ANY ((SELECT read.contracts())::text[])
);

-- Parts of a version are seen with it.
DROP POLICY reached ON read.service_level_clocks;
CREATE POLICY reached ON read.service_level_clocks FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('staff', 'true'))
    OR EXISTS (SELECT FROM read.service_level_policies AS p WHERE p.id = version_id)
);
DROP POLICY reached ON read.service_level_departments;
CREATE POLICY reached ON read.service_level_departments FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('staff', 'true'))
    OR EXISTS (SELECT FROM read.service_level_policies AS p WHERE p.id = version_id)
);
DROP POLICY reached ON read.service_level_alerts;
CREATE POLICY reached ON read.service_level_alerts FOR SELECT TO redress_reader USING (
    (SELECT read.scope_says('staff', 'true'))
    OR EXISTS (SELECT FROM read.service_level_clocks AS c WHERE c.id = clock_id)
);

RESET ROLE;
