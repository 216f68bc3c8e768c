-- Read models of units, staff and appointments.
SET ROLE redress_owner;

RESET ROLE;
