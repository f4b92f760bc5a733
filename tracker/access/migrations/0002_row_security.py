"""Row-level security of consent, caregivers, emergency access and devices; and the function that sets the context."""

from pathlib import Path
from typing import ClassVar

from django.db import migrations

from tracker.access import consent_texts
from tracker.keys import encrypted_table
from tracker.lib import rls

SET_CONTEXT = Path(__file__).resolve().parents[1] / "sql" / "set_context.sql"

# What stands follows from what was given and withdrawn, whoever writes it.
_COLUMNS = [category.lower() for category in rls.CATEGORIES]
_FIRST = ", ".join(f"NEW.given AND NEW.category = '{category}'" for category in rls.CATEGORIES)
_NEXT = ", ".join(
    f"{category.lower()} = CASE NEW.category WHEN '{category}' THEN NEW.given ELSE held.{category.lower()} END"
    for category in rls.CATEGORIES
)
CONSENT = f"""
CREATE FUNCTION access_let_consent_stand() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    INSERT INTO access_consent AS held (clinic_id, patient_id, team_id, {", ".join(_COLUMNS)})
        VALUES (NEW.clinic_id, NEW.patient_id, NEW.team_id, {_FIRST})
        ON CONFLICT (patient_id, team_id) DO UPDATE SET {_NEXT};
    RETURN NULL;
END $$;
CREATE FUNCTION access_refuse_change() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    RAISE EXCEPTION 'what was said about consent never changes' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER stands AFTER INSERT ON access_consentchange
    FOR EACH ROW EXECUTE FUNCTION access_let_consent_stand();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON access_consentchange
    FOR EACH ROW EXECUTE FUNCTION access_refuse_change();
CREATE TRIGGER never_changes BEFORE UPDATE OR DELETE ON access_consenttext
    FOR EACH ROW EXECUTE FUNCTION access_refuse_change();
"""
UNDO_CONSENT = """
DROP TRIGGER never_changes ON access_consenttext;
DROP TRIGGER append_only ON access_consentchange;
DROP TRIGGER stands ON access_consentchange;
DROP FUNCTION access_refuse_change();
DROP FUNCTION access_let_consent_stand();
"""

OWN = f"user_id = {rls.PERSON}"
MINE = f"{rls.IN_CLINIC} AND patient_id = {rls.OWN_PATIENT}"


def publish(apps: object, schema_editor: object) -> None:
    text = apps.get_model("access", "ConsentText")  # type: ignore[attr-defined]
    text.objects.create(version=1, content=consent_texts.TEXTS[1], published_at="2026-11-22T00:00:00+00:00")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("access", "0001_initial"), ("keys", "0002_row_security")]
    operations: ClassVar = [
        migrations.RunPython(publish, migrations.RunPython.noop),
        rls.patient_only("access_device"),
        rls.patient_only("access_devicelabel"),
        # Consent is the patient's to give and to withdraw, and nobody's else.
        rls.same_patient_fk(
            "access_consentchange",
            rls.policy_per_command(
                "access_consentchange",
                read=f"{rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR patient_id = {rls.OWN_PATIENT})",
                insert=f"{MINE} AND by_id = {rls.PERSON}",
                update=rls.CLINIC_JOB,
                delete=rls.CLINIC_JOB,
            ),
        ),
        rls.same_patient_fk(
            "access_consent",
            rls.policy_per_command(
                "access_consent",
                read=f"{rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR patient_id = {rls.OWN_PATIENT}"
                f" OR team_id = ANY ({rls.TEAMS}))",
                insert=MINE,
                update=MINE,
                delete=rls.CLINIC_JOB,
            ),
        ),
        rls.same_patient_fk(
            "access_caregiver",
            rls.policy_per_command(
                "access_caregiver",
                read=f"{OWN} OR ({rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR patient_id = {rls.OWN_PATIENT}))",
                insert=MINE,
                update=MINE,
                delete=rls.CLINIC_JOB,
            ),
        ),
        rls.same_patient_fk(
            "access_breakglassaccess",
            rls.clinic_jobs_write(
                "access_breakglassaccess",
                f"{rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR {OWN} OR patient_id = {rls.OWN_PATIENT}"
                f" OR {rls.IS_PRIVACY_OFFICER})",
            ),
        ),
        rls.same_patient_fk(
            "access_breakglassreason",
            rls.clinic_jobs_write(
                "access_breakglassreason",
                f"{rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR patient_id = {rls.OWN_PATIENT})",
            ),
        ),
        rls.same_clinic_fk("access_breakglassreason", "access_id", "access_breakglassaccess"),
        rls.same_clinic_fk("access_consent", "team_id", "clinics_careteam"),
        rls.same_clinic_fk("access_consentchange", "team_id", "clinics_careteam"),
        rls.same_clinic_fk("access_breakglassaccess", "staff_member_id", "clinics_staffmember"),
        migrations.RunSQL(CONSENT, UNDO_CONSENT),
        encrypted_table.encrypted_table("access_breakglassreason"),
        encrypted_table.encrypted_table("access_devicelabel"),
        migrations.RunSQL(SET_CONTEXT.read_text(), "DROP FUNCTION access_set_context(uuid, timestamptz)"),
    ]
