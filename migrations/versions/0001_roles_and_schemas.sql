-- Schemas and the three roles of architecture 9.6. The roles cannot log in: whoever connects is
-- granted them and takes one on (SET ROLE). A database role is shared by the whole cluster, so
-- another database may have made it already, perhaps at this very moment.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['redress_owner', 'redress_writer', 'redress_reader'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
        -- Since PostgreSQL 16, who creates a role is a member that may not act as it.
        IF current_setting('server_version_num')::integer >= 160000 THEN
            IF NOT pg_has_role(session_user, role_name, 'SET')
                OR NOT pg_has_role(session_user, role_name, 'USAGE') THEN
                EXECUTE format('GRANT %I TO %I WITH SET TRUE, INHERIT TRUE',
                    role_name, session_user);
            END IF;
        ELSIF NOT pg_has_role(session_user, role_name, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO %I', role_name, session_user);
        END IF;
    END LOOP;
END
$$;

CREATE SCHEMA log AUTHORIZATION redress_owner;
CREATE SCHEMA keys AUTHORIZATION redress_owner;
CREATE SCHEMA process AUTHORIZATION redress_owner;
CREATE SCHEMA read AUTHORIZATION redress_owner;
CREATE SCHEMA read_personal AUTHORIZATION redress_owner;
CREATE SCHEMA ops AUTHORIZATION redress_owner;
CREATE SCHEMA rebuild AUTHORIZATION redress_owner; -- shadows of read models that are being rebuilt

SET ROLE redress_owner;
GRANT USAGE ON SCHEMA log, keys, process, read, read_personal, ops TO redress_writer;
GRANT USAGE ON SCHEMA read, read_personal, ops TO redress_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA log, keys GRANT SELECT ON TABLES TO redress_writer;
ALTER DEFAULT PRIVILEGES IN SCHEMA process, read, read_personal, ops
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO redress_writer;
ALTER DEFAULT PRIVILEGES IN SCHEMA process, ops GRANT USAGE ON SEQUENCES TO redress_writer;
ALTER DEFAULT PRIVILEGES IN SCHEMA read, read_personal, ops GRANT SELECT ON TABLES TO redress_reader;
RESET ROLE;
