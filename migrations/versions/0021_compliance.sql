-- Clocks are seen with their case. Each kind of case is looked up in its own table, by its key: beside
-- a page of clocks that is a search for each row, whatever the number of cases.
SET ROLE redress_owner;

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['sla_clocks', 'sla_past'] LOOP
        EXECUTE format('DROP POLICY reached ON read.%I', table_name);
        EXECUTE format('DROP POLICY reached_appeals ON read.%I', table_name);
        EXECUTE format($policy$
            CREATE POLICY reached ON read.%I FOR SELECT TO redress_reader USING (
                (SELECT read.scope_says('reach', 'any'))
                OR case_kind = 'complaint'
                    AND EXISTS (SELECT FROM read.complaints AS c WHERE c.id = case_id)
                OR case_kind = 'shipment'
                    AND EXISTS (SELECT FROM read.shipments AS s WHERE s.id = case_id)
                OR case_kind = 'appeal'
                    AND EXISTS (SELECT FROM read.appeals AS a WHERE a.id = case_id)
            )
        $policy$, table_name);
    END LOOP;
END
$$;

RESET ROLE;
