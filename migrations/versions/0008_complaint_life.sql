-- The whole life of a complaint in its read model.
SET ROLE redress_owner;

RESET ROLE;
