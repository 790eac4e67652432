-- Back to an empty database.
DROP TABLE audit_event CASCADE;
DROP TABLE job, exception_comment, exception_item, run_item, match, run, rule_set, ingest_error, upload CASCADE;
DROP TABLE txn CASCADE;
DROP TABLE source, app_user CASCADE;
DROP FUNCTION IF EXISTS audit_append(text, text, text, text, text, jsonb, jsonb);
DROP FUNCTION IF EXISTS audit_is_append_only();
DROP FUNCTION IF EXISTS iso(timestamptz);
