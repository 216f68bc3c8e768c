-- Words by which complaints are found.
SET ROLE redress_owner;

RESET ROLE;
