-- Ratings with what they are grouped by.
SET ROLE redress_owner;

RESET ROLE;
