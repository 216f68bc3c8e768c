-- The queue of notices and their read model.
SET ROLE redress_owner;

RESET ROLE;
