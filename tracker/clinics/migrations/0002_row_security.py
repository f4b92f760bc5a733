"""Row-level security of clinics, staff, patients and invitations; a clinic at work has a fallback contact."""

from typing import ClassVar

from django.db import migrations

from tracker.lib import rls

# A clinic that is at work has somebody who is told of an alert when nobody else is on duty. The rows behind
# row security are read as a job of that clinic, then the former context stands again.
FALLBACK = """
CREATE FUNCTION clinics_refuse_without_fallback(which uuid) RETURNS void LANGUAGE plpgsql SECURITY INVOKER AS $$
DECLARE
    former_clinic text := coalesce(current_setting('app.clinic', true), '');
    former_scope text := coalesce(current_setting('app.scope', true), '');
    can_answer boolean;
BEGIN
    PERFORM set_config('app.clinic', which::text, true), set_config('app.scope', 'clinic', true);
    SELECT u.is_active AND s.role IN ('CLINICIAN', 'COORDINATOR') INTO can_answer
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

CREATE CONSTRAINT TRIGGER active_clinic_has_a_fallback AFTER INSERT OR UPDATE ON clinics_clinic
    DEFERRABLE FOR EACH ROW WHEN (NEW.activated_at IS NOT NULL)
    EXECUTE FUNCTION clinics_keep_fallback_of_clinic();
CREATE CONSTRAINT TRIGGER fallback_stays_clinical AFTER UPDATE ON clinics_staffmember
    DEFERRABLE FOR EACH ROW EXECUTE FUNCTION clinics_keep_fallback_of_staff();
CREATE CONSTRAINT TRIGGER fallback_stays_switched_on AFTER UPDATE ON accounts_user
    DEFERRABLE FOR EACH ROW WHEN (OLD.is_active AND NOT NEW.is_active)
    EXECUTE FUNCTION clinics_keep_fallback_of_user();
ALTER TABLE clinics_clinic ADD CONSTRAINT clinic_fallback_contact_of_clinic
    FOREIGN KEY (id, fallback_contact_id) REFERENCES clinics_staffmember (clinic_id, id);
"""
UNDO_FALLBACK = """
ALTER TABLE clinics_clinic DROP CONSTRAINT clinic_fallback_contact_of_clinic;
DROP TRIGGER fallback_stays_switched_on ON accounts_user;
DROP TRIGGER fallback_stays_clinical ON clinics_staffmember;
DROP TRIGGER active_clinic_has_a_fallback ON clinics_clinic;
DROP FUNCTION clinics_keep_fallback_of_user();
DROP FUNCTION clinics_keep_fallback_of_staff();
DROP FUNCTION clinics_keep_fallback_of_clinic();
DROP FUNCTION clinics_refuse_without_fallback(uuid);
"""
# Read by who made it, by the clinic's own jobs, and by whoever holds its code: they name it before they are anybody.
OWN_INVITATION = f"{rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR invited_by_id = {rls.PERSON})"
HELD_CODE = "code = (SELECT decode(NULLIF(current_setting('app.invitation', true), ''), 'hex'))"

OWN = f"user_id = {rls.PERSON}"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("clinics", "0001_initial")]
    operations: ClassVar = [
        # Who works where decides who sees whom: it is changed by the clinic's own jobs, never in a person's name.
        rls.clinic_jobs_write("clinics_careteam"),
        rls.clinic_jobs_write("clinics_teammembership"),
        rls.clinic_jobs_write("clinics_dutyperiod"),
        rls.clinic_jobs_write("clinics_staffmember", f"{OWN} OR {rls.IN_CLINIC}"),
        rls.clinic_jobs_write(
            "clinics_patient",
            f"{OWN} OR ({rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR id = ANY ({rls.PATIENTS})"
            f" OR care_team_id = ANY ({rls.TEAMS})))",
        ),
        rls.same_patient_fk(
            "clinics_invitation",
            rls.policy_per_command(
                "clinics_invitation",
                read=f"({OWN_INVITATION}) OR {HELD_CODE}",
                insert=OWN_INVITATION,
                update=OWN_INVITATION,
                delete=rls.CLINIC_JOB,
            ),
        ),
        rls.same_clinic_fk("clinics_invitation", "care_team_id", "clinics_careteam"),
        rls.same_clinic_fk("clinics_teammembership", "team_id", "clinics_careteam"),
        rls.same_clinic_fk("clinics_teammembership", "staff_member_id", "clinics_staffmember"),
        rls.same_clinic_fk("clinics_dutyperiod", "team_id", "clinics_careteam"),
        rls.same_clinic_fk("clinics_dutyperiod", "staff_member_id", "clinics_staffmember"),
        rls.same_clinic_fk("clinics_patient", "care_team_id", "clinics_careteam"),
        rls.same_clinic_fk("clinics_patient", "primary_clinician_id", "clinics_staffmember"),
        migrations.RunSQL(FALLBACK, UNDO_FALLBACK),
    ]
