-- Whether a customer asks for compensation, and which service levels the contract names. No event that
-- is stored already says either, so the defaults are what a rebuild would find.
SET ROLE redress_owner;

ALTER TABLE read.complaints
    ADD COLUMN seeks_compensation boolean NOT NULL DEFAULT false,
    ADD COLUMN service_levels text;

RESET ROLE;
