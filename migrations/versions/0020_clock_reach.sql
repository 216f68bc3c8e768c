-- Appeals are cases of their own: who sees one sees its clocks (beside the policies of 0015).
SET ROLE redress_owner;

CREATE POLICY reached_appeals ON read.sla_dockets FOR SELECT TO redress_reader USING (
    EXISTS (SELECT FROM read.appeals AS a WHERE a.id = case_id)
);
CREATE POLICY reached_appeals ON read.sla_clocks FOR SELECT TO redress_reader USING (
    EXISTS (SELECT FROM read.appeals AS a WHERE a.id = case_id)
);
CREATE POLICY reached_appeals ON read.sla_past FOR SELECT TO redress_reader USING (
    EXISTS (SELECT FROM read.appeals AS a WHERE a.id = case_id)
);

-- What subscribers of alerts read after an interruption: few among all entries.
CREATE INDEX ON read.case_entries (position) WHERE aggregate_kind = 'case_clocks';

-- A page of clocks as of a past moment: in the order of deadlines, most hold at the moment.
CREATE INDEX ON read.sla_past (due_at, past_id);

RESET ROLE;
