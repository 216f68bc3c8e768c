-- Links between the aggregates of a case.
SET ROLE redress_owner;

RESET ROLE;
