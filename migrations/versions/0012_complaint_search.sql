-- Words by which complaints are found (architecture 9.19).
SET ROLE redress_owner;

CREATE TABLE read_personal.complaint_words (
    id uuid PRIMARY KEY,
    customer uuid NOT NULL,
    partner text,
    words text NOT NULL
);
CREATE INDEX ON read_personal.complaint_words USING gin (string_to_array(words, ' '));
CREATE INDEX ON read_personal.complaint_words (customer);

-- Searching goes through a function of the owner's, which checks the scope again: row-level
-- security would keep the index from being used. ``scope`` is a partner, or empty for all cases.
CREATE FUNCTION read_personal.find_complaints(searched text[], scope text)
RETURNS SETOF uuid
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER ROWS 100
SET search_path = pg_catalog
AS $$
BEGIN
    RETURN QUERY SELECT w.id FROM read_personal.complaint_words AS w
    WHERE string_to_array(w.words, ' ') @> searched AND (scope = '' OR w.partner = scope);
END
$$;
REVOKE ALL ON FUNCTION read_personal.find_complaints FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read_personal.find_complaints TO redress_reader;

RESET ROLE;
