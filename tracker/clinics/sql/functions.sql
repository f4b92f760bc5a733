-- A clinic that is at work has somebody who is told of an alert when nobody else is on duty: its fallback contact.
--
-- The rows behind row-level security are read as a job of that clinic, then the former context stands again.
CREATE FUNCTION clinics_refuse_without_fallback(which uuid) RETURNS void LANGUAGE plpgsql SECURITY INVOKER AS $$
DECLARE
    former_clinic text := coalesce(current_setting('app.clinic', true), '');
    former_scope text := coalesce(current_setting('app.scope', true), '');
    can_answer boolean;
BEGIN
    PERFORM set_config('app.clinic', which::text, true), set_config('app.scope', 'clinic', true);
    SELECT u.is_active AND s.left_at IS NULL AND s.role IN ('CLINICIAN', 'COORDINATOR') INTO can_answer
        FROM clinics_clinic c
        JOIN clinics_staffmember s ON s.clinic_id = c.id AND s.id = c.fallback_contact_id
        JOIN accounts_user u ON u.id = s.user_id
        WHERE c.id = which;
    PERFORM set_config('app.clinic', former_clinic, true), set_config('app.scope', former_scope, true);
    IF can_answer IS NOT TRUE THEN
        RAISE EXCEPTION 'an active clinic needs a clinical fallback contact whose account is switched on'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'active_clinic_has_a_fallback';
    END IF;
END $$;

CREATE FUNCTION clinics_keep_fallback_of_clinic() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    PERFORM clinics_refuse_without_fallback(NEW.id);
    RETURN NULL;
END $$;
CREATE FUNCTION clinics_keep_fallback_of_staff() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    PERFORM clinics_refuse_without_fallback(c.id) FROM clinics_clinic c
        WHERE c.activated_at IS NOT NULL AND c.fallback_contact_id = OLD.id;
    RETURN NULL;
END $$;
CREATE FUNCTION clinics_keep_fallback_of_user() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    PERFORM clinics_refuse_without_fallback(c.id) FROM clinics_clinic c WHERE c.activated_at IS NOT NULL;
    RETURN NULL;
END $$;

-- Staff begin without an approval only where nobody but who invited and who was invited could give one. Whoever could
-- within the last 30 days counts: an administrator who has switched off the other approvers does not begin staff alone.
CREATE FUNCTION clinics_require_approval() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.approved_at IS NOT NULL THEN RETURN NEW; END IF;
    -- An approval is not dated ahead of the 30 days.
    PERFORM 1 FROM clinics_staffmember s
        WHERE s.clinic_id = NEW.clinic_id AND s.role IN ('ADMINISTRATOR', 'PRIVACY_OFFICER')
          AND s.user_id IS DISTINCT FROM NEW.invited_by_id AND s.user_id IS DISTINCT FROM NEW.used_by_id
          AND (s.left_at IS NULL OR s.left_at > least(NEW.approved_at, now()) - interval '30 days');
    IF FOUND THEN
        RAISE EXCEPTION 'a second person approves new staff'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'staff_begin_with_an_approval';
    END IF;
    RETURN NEW;
END $$;
