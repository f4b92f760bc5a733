-- Whoever writes how somebody signs in leaves an audit event, in the chain of the system: also a statement that no view of
-- ours has sent. The application's role can neither leave the trigger out nor take the event back. What changed is named
-- by its column, never by its value.
CREATE FUNCTION access_record_credential_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    -- The event is the system's, whoever acts; the context of the act is put back.
    clinic text := current_setting('app.clinic', true);
    before jsonb := CASE WHEN TG_OP = 'INSERT' THEN '{}' ELSE to_jsonb(OLD) END;
    after jsonb := CASE WHEN TG_OP = 'DELETE' THEN '{}' ELSE to_jsonb(NEW) END;
    changed jsonb := (
        SELECT coalesce(jsonb_agg(name ORDER BY name), '[]') FROM jsonb_object_keys(before || after) AS name
        WHERE before -> name IS DISTINCT FROM after -> name AND name NOT IN ('last_login', 'last_used_at'));
    account text := CASE TG_TABLE_NAME WHEN 'accounts_user' THEN 'id' ELSE 'user_id' END;
BEGIN
    IF changed = '[]' THEN RETURN NULL; END IF;
    PERFORM set_config('app.clinic', '00000000-0000-0000-0000-000000000000', true);
    INSERT INTO audit_auditevent (at, clinic_id, actor, on_behalf_of, action, kind, subject, purpose, device, request, result, detail)
        VALUES (clock_timestamp(), '00000000-0000-0000-0000-000000000000', 'database', '', 'account.credentials_written',
            TG_TABLE_NAME, 'user/' || coalesce(after ->> account, before ->> account), '', '', '', 'DONE',
            jsonb_build_object('command', lower(TG_OP), 'columns', changed));
    PERFORM set_config('app.clinic', coalesce(clinic, ''), true);
    RETURN NULL;
END $$;
CREATE TRIGGER user_records_credential_change AFTER UPDATE ON accounts_user
    FOR EACH ROW EXECUTE FUNCTION access_record_credential_change();
-- What is removed is only of no use any more.
CREATE TRIGGER former_email_records_credential_change AFTER INSERT OR UPDATE ON accounts_formeremail
    FOR EACH ROW EXECUTE FUNCTION access_record_credential_change();
CREATE TRIGGER authenticator_records_credential_change AFTER INSERT OR UPDATE OR DELETE ON mfa_authenticator
    FOR EACH ROW EXECUTE FUNCTION access_record_credential_change();
