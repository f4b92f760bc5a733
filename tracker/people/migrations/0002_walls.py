"""Row-level security, and the one function by which a person enters."""

from typing import ClassVar

from django.db import migrations

from tracker.lib import rls
from tracker.keys import encrypted_table
from tracker.access import consent_texts

# A bit for each category, and one that says that the patient is of the person's own teams.
_EVERYTHING = 2 ** len(rls.CATEGORIES) - 1
_ON_TEAM = _EVERYTHING + 1
_BITS = " + ".join(
    f"{2**place} * coalesce(c.{category.lower()}, false)::int"
    for place, category in enumerate(rls.CATEGORIES)
)
_CAREGIVERS_BITS = " + ".join(
    f"{2**place} * ('{category}' = ANY (g.categories))::int" for place, category in enumerate(rls.CATEGORIES)
)
# From two arrays side by side to one list for each category.
_LISTS = ", ".join(
    f"set_config('app.{category.lower()}',"
    f" coalesce(string_agg(id::text, ',') FILTER (WHERE bits & {2**place} > 0), ''), true)"
    for place, category in enumerate(rls.CATEGORIES)
)
_FIX_LISTS = f"PERFORM {_LISTS} FROM unnest(patients, shared) AS seen (id, bits)"
_FORGET = ", ".join(f"set_config('app.{name}', '', true)" for name in rls.SETTINGS if name != "person")

# Reads role, teams, patients and what these share with a person, and fixes them for the transaction, in one round
# trip. It runs with the caller's own rights: nothing here steps around the walls that it sets up one after the other.
ENTER = f"""
CREATE FUNCTION access_set_context(person uuid, moment timestamptz)
RETURNS TABLE (clinic uuid, role text, name text, staff uuid, patient uuid, zone text, patients uuid[],
    shared int[], glass uuid, glass_until timestamptz, secret text)
LANGUAGE plpgsql SECURITY INVOKER AS $$
#variable_conflict use_column
DECLARE
    teams uuid[];
    others uuid[];
BEGIN
    -- Who is switched off is nobody: not even their own row is theirs to see.
    SELECT u.password INTO secret FROM accounts_user u WHERE u.id = person AND u.is_active;
    PERFORM set_config('app.person', CASE WHEN FOUND THEN person::text ELSE '' END, true), {_FORGET};
    IF secret IS NULL THEN RETURN; END IF;

    SELECT p.clinic_id, 'PATIENT', p.name, p.id, p.zone, ARRAY[p.id], ARRAY[{_EVERYTHING}]
        INTO clinic, role, name, patient, zone, patients, shared
        FROM clinics_patient p WHERE p.user_id = person;
    IF FOUND THEN
        PERFORM set_config('app.clinic', clinic::text, true), set_config('app.own_patient', patient::text, true),
                set_config('app.patients', patient::text, true), set_config('app.role', role, true);
        {_FIX_LISTS};
        RETURN NEXT;
        RETURN;
    END IF;

    SELECT s.clinic_id, s.role, s.name, s.id, c.zone INTO clinic, role, name, staff, zone
        FROM clinics_staffmember s JOIN clinics_clinic c ON c.id = s.clinic_id WHERE s.user_id = person;
    IF FOUND THEN
        PERFORM set_config('app.clinic', clinic::text, true),
                set_config('app.role', role, true);
        IF role IN ('CLINICIAN', 'COORDINATOR') THEN
            -- Who is on duty for a team is on it for as long.
            teams := ARRAY(
                SELECT m.team_id FROM clinics_teammembership m
                WHERE m.staff_member_id = staff AND m.starts_at <= moment
                  AND (m.ends_at IS NULL OR m.ends_at > moment)
                UNION
                SELECT d.team_id FROM clinics_dutyperiod d
                WHERE d.staff_member_id = staff AND d.team_id IS NOT NULL
                  AND d.starts_at <= moment AND d.ends_at > moment);
            IF role = 'CLINICIAN' THEN
                SELECT b.patient_id, b.ends_at INTO glass, glass_until FROM access_breakglassaccess b
                    WHERE b.user_id = person AND b.begun_at <= moment AND b.ends_at > moment
                    ORDER BY b.begun_at DESC, b.id LIMIT 1;
            END IF;
            PERFORM set_config('app.teams', array_to_string(teams, ','), true),
                    set_config('app.patients', coalesce(glass::text, ''), true);
            SELECT array_agg(p.id), array_agg(CASE WHEN p.id = glass THEN {_EVERYTHING} ELSE {_BITS} END
                    + CASE WHEN p.care_team_id = ANY (teams) THEN {_ON_TEAM} ELSE 0 END)
                INTO patients, shared
                FROM clinics_patient p
                LEFT JOIN access_consent c ON c.patient_id = p.id AND c.team_id = p.care_team_id
                WHERE p.care_team_id = ANY (teams) OR p.id = glass;
            -- Who is asked about an alert may see that it is there and take it on, and no more: the primary clinician,
            -- who is on duty for the clinic, its fallback contact; everybody once nobody has answered. For this one look the walls show the clinic.
            PERFORM set_config('app.scope', 'clinic', true);
            others := ARRAY(
                SELECT p.id FROM clinics_patient p WHERE p.primary_clinician_id = staff
                UNION
                SELECT p.id FROM clinics_patient p WHERE p.clinic_id = clinic AND p.alert_opened_to_clinic_at IS NOT NULL);
            IF EXISTS (
                SELECT 1 FROM clinics_clinic k WHERE k.id = clinic AND k.fallback_contact_id = staff
                UNION ALL
                SELECT 1 FROM clinics_dutyperiod d WHERE d.staff_member_id = staff AND d.team_id IS NULL
                    AND d.starts_at <= moment AND d.ends_at > moment)
            THEN
                others := ARRAY(SELECT p.id FROM clinics_patient p WHERE p.clinic_id = clinic);
            END IF;
            PERFORM set_config('app.scope', '', true);
            others := ARRAY(SELECT id FROM unnest(others) AS asked (id) EXCEPT SELECT unnest(patients));
            patients := patients || others;
            shared := shared || array_fill(0, ARRAY[cardinality(others)]);
            PERFORM set_config('app.patients', array_to_string(coalesce(patients, '{{}}'), ','), true);
            {_FIX_LISTS};
        END IF;
        RETURN NEXT;
        RETURN;
    END IF;

    SELECT g.clinic_id, 'CAREGIVER', g.name, ARRAY[g.patient_id], ARRAY[{_CAREGIVERS_BITS}]
        INTO clinic, role, name, patients, shared
        FROM access_caregiver g
        WHERE g.user_id = person AND g.starts_at <= moment AND (g.ends_at IS NULL OR g.ends_at > moment)
        -- The first stands: nobody takes another patient's caregiver away by naming the same address.
        ORDER BY g.starts_at, g.id LIMIT 1;
    IF NOT FOUND THEN RETURN; END IF;
    PERFORM set_config('app.clinic', clinic::text, true), set_config('app.role', role, true),
            set_config('app.patients', array_to_string(patients, ','), true);
    {_FIX_LISTS};
    SELECT p.zone INTO zone FROM clinics_patient p WHERE p.id = ANY (patients);
    RETURN NEXT;
END $$;
"""

# A clinic that is at work has somebody who is told of an alert when nobody else is on duty. The rows behind the
# wall are read as a job of that clinic, then the former context stands again.
FALLBACK = """
CREATE FUNCTION people_refuse_without_fallback(which uuid) RETURNS void LANGUAGE plpgsql SECURITY INVOKER AS $$
DECLARE
    former_clinic text := coalesce(current_setting('app.clinic', true), '');
    former_reach text := coalesce(current_setting('app.scope', true), '');
    can_answer boolean;
BEGIN
    PERFORM set_config('app.clinic', which::text, true), set_config('app.scope', 'clinic', true);
    SELECT u.is_active AND s.role IN ('CLINICIAN', 'COORDINATOR') INTO can_answer
        FROM clinics_clinic c
        JOIN clinics_staffmember s ON s.clinic_id = c.id AND s.id = c.fallback_contact_id
        JOIN accounts_user u ON u.id = s.user_id
        WHERE c.id = which;
    PERFORM set_config('app.clinic', former_clinic, true), set_config('app.scope', former_reach, true);
    IF can_answer IS NOT TRUE THEN
        RAISE EXCEPTION 'an active clinic needs a clinical fallback contact whose account is switched on'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'active_clinic_has_a_fallback';
    END IF;
END $$;

CREATE FUNCTION people_keep_fallback_of_clinic() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    PERFORM people_refuse_without_fallback(NEW.id);
    RETURN NULL;
END $$;
CREATE FUNCTION people_keep_fallback_of_staff() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    PERFORM people_refuse_without_fallback(c.id) FROM clinics_clinic c
        WHERE c.activated_at IS NOT NULL AND c.fallback_contact_id = OLD.id;
    RETURN NULL;
END $$;
CREATE FUNCTION people_keep_fallback_of_user() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    PERFORM people_refuse_without_fallback(c.id) FROM clinics_clinic c WHERE c.activated_at IS NOT NULL;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER active_clinic_has_a_fallback AFTER INSERT OR UPDATE ON clinics_clinic
    DEFERRABLE FOR EACH ROW WHEN (NEW.activated_at IS NOT NULL)
    EXECUTE FUNCTION people_keep_fallback_of_clinic();
CREATE CONSTRAINT TRIGGER fallback_stays_clinical AFTER UPDATE ON clinics_staffmember
    DEFERRABLE FOR EACH ROW EXECUTE FUNCTION people_keep_fallback_of_staff();
CREATE CONSTRAINT TRIGGER fallback_stays_switched_on AFTER UPDATE ON accounts_user
    DEFERRABLE FOR EACH ROW WHEN (OLD.is_active AND NOT NEW.is_active)
    EXECUTE FUNCTION people_keep_fallback_of_user();
ALTER TABLE clinics_clinic ADD CONSTRAINT clinic_fallback_contact_of_clinic
    FOREIGN KEY (id, fallback_contact_id) REFERENCES clinics_staffmember (clinic_id, id);
"""
UNDO_FALLBACK = """
ALTER TABLE clinics_clinic DROP CONSTRAINT clinic_fallback_contact_of_clinic;
DROP TRIGGER fallback_stays_switched_on ON accounts_user;
DROP TRIGGER fallback_stays_clinical ON clinics_staffmember;
DROP TRIGGER active_clinic_has_a_fallback ON clinics_clinic;
DROP FUNCTION people_keep_fallback_of_user();
DROP FUNCTION people_keep_fallback_of_staff();
DROP FUNCTION people_keep_fallback_of_clinic();
DROP FUNCTION people_refuse_without_fallback(uuid);
"""

# What stands follows from what was given and withdrawn, whoever writes it.
_COLUMNS = [category.lower() for category in rls.CATEGORIES]
_FIRST = ", ".join(f"NEW.given AND NEW.category = '{category}'" for category in rls.CATEGORIES)
_NEXT = ", ".join(
    f"{category.lower()} = CASE NEW.category WHEN '{category}' THEN NEW.given ELSE held.{category.lower()} END"
    for category in rls.CATEGORIES
)
CONSENT = f"""
CREATE FUNCTION people_let_consent_stand() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    INSERT INTO access_consent AS held (clinic_id, patient_id, team_id, {", ".join(_COLUMNS)})
        VALUES (NEW.clinic_id, NEW.patient_id, NEW.team_id, {_FIRST})
        ON CONFLICT (patient_id, team_id) DO UPDATE SET {_NEXT};
    RETURN NULL;
END $$;
CREATE FUNCTION people_refuse_change() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    RAISE EXCEPTION 'what was said about consent never changes' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER stands AFTER INSERT ON access_consentchange
    FOR EACH ROW EXECUTE FUNCTION people_let_consent_stand();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON access_consentchange
    FOR EACH ROW EXECUTE FUNCTION people_refuse_change();
CREATE TRIGGER never_changes BEFORE UPDATE OR DELETE ON access_consenttext
    FOR EACH ROW EXECUTE FUNCTION people_refuse_change();
"""
UNDO_CONSENT = """
DROP TRIGGER never_changes ON access_consenttext;
DROP TRIGGER append_only ON access_consentchange;
DROP TRIGGER stands ON access_consentchange;
DROP FUNCTION people_refuse_change();
DROP FUNCTION people_let_consent_stand();
"""
# Read by who made it, by the clinic's own jobs, and by whoever holds its code: they name it before they are anybody.
OWN_INVITATION = f"{rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR invited_by_id = {rls.PERSON})"
HELD_CODE = "code = (SELECT decode(NULLIF(current_setting('app.invitation', true), ''), 'hex'))"

OWN = f"user_id = {rls.PERSON}"
MINE = f"{rls.IN_CLINIC} AND patient_id = {rls.OWN_PATIENT}"


def publish(apps: object, schema_editor: object) -> None:
    text = apps.get_model("people", "ConsentText")  # type: ignore[attr-defined]
    text.objects.create(version=1, content=consent_texts.TEXTS[1], published_at="2026-11-22T00:00:00+00:00")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("people", "0001_initial")]
    operations: ClassVar = [
        migrations.RunPython(publish, migrations.RunPython.noop),
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
        rls.patient_only("access_device"),
        rls.patient_only("access_devicelabel"),
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
        rls.related_to_patient("keys_datakey"),
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
        rls.same_clinic_fk("access_breakglassreason", "glass_id", "access_breakglassaccess"),
        rls.same_clinic_fk("clinics_teammembership", "team_id", "clinics_careteam"),
        rls.same_clinic_fk("clinics_teammembership", "staff_member_id", "clinics_staffmember"),
        rls.same_clinic_fk("clinics_dutyperiod", "team_id", "clinics_careteam"),
        rls.same_clinic_fk("clinics_dutyperiod", "staff_member_id", "clinics_staffmember"),
        rls.same_clinic_fk("clinics_patient", "care_team_id", "clinics_careteam"),
        rls.same_clinic_fk("clinics_patient", "primary_clinician_id", "clinics_staffmember"),
        rls.same_clinic_fk("access_consent", "team_id", "clinics_careteam"),
        rls.same_clinic_fk("access_consentchange", "team_id", "clinics_careteam"),
        rls.same_clinic_fk("access_breakglassaccess", "staff_member_id", "clinics_staffmember"),
        migrations.RunSQL(CONSENT, UNDO_CONSENT),
        migrations.RunSQL(FALLBACK, UNDO_FALLBACK),
        migrations.RunSQL(encrypted_table.ONLY_REENCRYPTED, "DROP FUNCTION keys_only_reencrypted()"),
        migrations.RunSQL(
            """
            ALTER TABLE keys_datakey
                ADD CONSTRAINT people_datakey_wrapped_by_an_open_master_key
                FOREIGN KEY (master_key_id, master_is_open) REFERENCES keys_masterkey (id, is_open);
            """,
            """
            ALTER TABLE keys_datakey DROP CONSTRAINT people_datakey_wrapped_by_an_open_master_key;
            """,
        ),
        encrypted_table.encrypted_table("access_breakglassreason"),
        encrypted_table.encrypted_table("access_devicelabel"),
        migrations.RunSQL(ENTER, "DROP FUNCTION access_set_context(uuid, timestamptz)"),
    ]
