-- Whoever writes whose a patient's row is, and who sees it by team or by invitation, leaves an audit event in the chain of
-- the system: also a statement that no view of ours has sent. The columns that count are the trigger's arguments; what
-- changed is named by its column, never by its value.
CREATE FUNCTION access_record_relation_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    -- The event is the system's, whoever acts; the context of the act is put back.
    clinic text := current_setting('app.clinic', true);
    before jsonb := CASE WHEN TG_OP = 'INSERT' THEN '{}' ELSE to_jsonb(OLD) END;
    after jsonb := to_jsonb(NEW);
    changed jsonb := (
        SELECT coalesce(jsonb_agg(name ORDER BY name), '[]') FROM unnest(TG_ARGV) AS name
        WHERE before ->> name IS DISTINCT FROM after ->> name);
    patient text := CASE TG_TABLE_NAME WHEN 'clinics_patient' THEN 'id' ELSE 'patient_id' END;
BEGIN
    IF changed = '[]' THEN RETURN NULL; END IF;
    PERFORM set_config('app.clinic', '00000000-0000-0000-0000-000000000000', true);
    INSERT INTO audit_auditevent (at, clinic_id, actor, on_behalf_of, action, kind, subject, purpose, device, request, result, detail)
        VALUES (clock_timestamp(), '00000000-0000-0000-0000-000000000000', 'database', '', 'patient.relation_written',
            TG_TABLE_NAME, 'patient/' || (after ->> patient), '', '', '', 'DONE',
            jsonb_build_object('command', lower(TG_OP), 'columns', changed));
    PERFORM set_config('app.clinic', coalesce(clinic, ''), true);
    RETURN NULL;
END $$;
CREATE TRIGGER patient_records_relation_change AFTER UPDATE ON clinics_patient
    FOR EACH ROW EXECUTE FUNCTION access_record_relation_change('user_id', 'care_team_id', 'primary_clinician_id');
