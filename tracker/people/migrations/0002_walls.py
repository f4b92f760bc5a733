"""Row-level security, and the one function by which a person enters."""

from typing import ClassVar

from django.db import migrations

from tracker.lib import walls
from tracker.people import sealing
from tracker.people import consent_texts

# A bit for each category, and one that says that the patient is of the person's own teams.
_EVERYTHING = 2 ** len(walls.CATEGORIES) - 1
_ON_TEAM = _EVERYTHING + 1
_BITS = " + ".join(
    f"{2**place} * coalesce(c.{category.lower()}, false)::int"
    for place, category in enumerate(walls.CATEGORIES)
)
_CAREGIVERS_BITS = " + ".join(
    f"{2**place} * ('{category}' = ANY (g.categories))::int"
    for place, category in enumerate(walls.CATEGORIES)
)
# From two arrays side by side to one list for each category.
_LISTS = ", ".join(
    f"set_config('app.{category.lower()}',"
    f" coalesce(string_agg(id::text, ',') FILTER (WHERE bits & {2**place} > 0), ''), true)"
    for place, category in enumerate(walls.CATEGORIES)
)
_FIX_LISTS = f"PERFORM {_LISTS} FROM unnest(patients, shared) AS seen (id, bits)"
_FORGET = ", ".join(f"set_config('app.{name}', '', true)" for name in walls.SETTINGS if name != "person")

# Reads role, teams, patients and what these share with a person, and fixes them for the transaction, in one round
# trip. It runs with the caller's own rights: nothing here steps around the walls that it sets up one after the other.
ENTER = f"""
CREATE FUNCTION people_enter(person uuid, moment timestamptz)
RETURNS TABLE (clinic uuid, role text, name text, staff uuid, patient uuid, zone text, patients uuid[],
    shared int[], glass uuid, glass_until timestamptz, secret text)
LANGUAGE plpgsql SECURITY INVOKER AS $$
#variable_conflict use_column
DECLARE
    teams uuid[];
    others uuid[];
BEGIN
    -- Who is switched off is nobody: not even their own row is theirs to see.
    SELECT u.password INTO secret FROM people_user u WHERE u.id = person AND u.is_active;
    PERFORM set_config('app.person', CASE WHEN FOUND THEN person::text ELSE '' END, true), {_FORGET};
    IF secret IS NULL THEN RETURN; END IF;

    SELECT p.clinic_id, 'PATIENT', p.name, p.id, p.zone, ARRAY[p.id], ARRAY[{_EVERYTHING}]
        INTO clinic, role, name, patient, zone, patients, shared
        FROM people_patient p WHERE p.user_id = person;
    IF FOUND THEN
        PERFORM set_config('app.clinic', clinic::text, true), set_config('app.self', patient::text, true),
                set_config('app.patients', patient::text, true), set_config('app.role', role, true);
        {_FIX_LISTS};
        RETURN NEXT;
        RETURN;
    END IF;

    SELECT s.clinic_id, s.role, s.name, s.id, c.zone INTO clinic, role, name, staff, zone
        FROM people_staffmember s JOIN people_clinic c ON c.id = s.clinic_id WHERE s.user_id = person;
    IF FOUND THEN
        PERFORM set_config('app.clinic', clinic::text, true),
                set_config('app.role', role, true);
        IF role IN ('CLINICIAN', 'COORDINATOR') THEN
            -- Who is on duty for a team is on it for as long.
            teams := ARRAY(
                SELECT m.team_id FROM people_teammembership m
                WHERE m.staff_member_id = staff AND m.starts_at <= moment
                  AND (m.ends_at IS NULL OR m.ends_at > moment)
                UNION
                SELECT d.team_id FROM people_dutyperiod d
                WHERE d.staff_member_id = staff AND d.team_id IS NOT NULL
                  AND d.starts_at <= moment AND d.ends_at > moment);
            IF role = 'CLINICIAN' THEN
                SELECT b.patient_id, b.ends_at INTO glass, glass_until FROM people_breakglass b
                    WHERE b.user_id = person AND b.begun_at <= moment AND b.ends_at > moment
                    ORDER BY b.begun_at DESC, b.id LIMIT 1;
            END IF;
            PERFORM set_config('app.teams', array_to_string(teams, ','), true),
                    set_config('app.patients', coalesce(glass::text, ''), true);
            SELECT array_agg(p.id), array_agg(CASE WHEN p.id = glass THEN {_EVERYTHING} ELSE {_BITS} END
                    + CASE WHEN p.care_team_id = ANY (teams) THEN {_ON_TEAM} ELSE 0 END)
                INTO patients, shared
                FROM people_patient p
                LEFT JOIN people_consent c ON c.patient_id = p.id AND c.team_id = p.care_team_id
                WHERE p.care_team_id = ANY (teams) OR p.id = glass;
            -- Who is asked about an alert may see that it is there and take it on, and no more: the primary clinician,
            -- who is on duty for the clinic, its fallback contact; everybody once nobody has answered. For this one look the walls show the clinic.
            PERFORM set_config('app.reach', 'clinic', true);
            others := ARRAY(
                SELECT p.id FROM people_patient p WHERE p.primary_clinician_id = staff
                UNION
                SELECT p.id FROM people_patient p WHERE p.clinic_id = clinic AND p.all_asked_since IS NOT NULL);
            IF EXISTS (
                SELECT 1 FROM people_clinic k WHERE k.id = clinic AND k.fallback_contact_id = staff
                UNION ALL
                SELECT 1 FROM people_dutyperiod d WHERE d.staff_member_id = staff AND d.team_id IS NULL
                    AND d.starts_at <= moment AND d.ends_at > moment)
            THEN
                others := ARRAY(SELECT p.id FROM people_patient p WHERE p.clinic_id = clinic);
            END IF;
            PERFORM set_config('app.reach', '', true);
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
        FROM people_caregiver g
        WHERE g.user_id = person AND g.starts_at <= moment AND (g.ends_at IS NULL OR g.ends_at > moment)
        -- The first stands: nobody takes another patient's caregiver away by naming the same address.
        ORDER BY g.starts_at, g.id LIMIT 1;
    IF NOT FOUND THEN RETURN; END IF;
    PERFORM set_config('app.clinic', clinic::text, true), set_config('app.role', role, true),
            set_config('app.patients', array_to_string(patients, ','), true);
    {_FIX_LISTS};
    SELECT p.zone INTO zone FROM people_patient p WHERE p.id = ANY (patients);
    RETURN NEXT;
END $$;
"""

# A clinic that is at work has somebody who is told of an alert when nobody else is on duty. The rows behind the
# wall are read as a job of that clinic, then the former context stands again.
FALLBACK = """
CREATE FUNCTION people_refuse_without_fallback(which uuid) RETURNS void LANGUAGE plpgsql SECURITY INVOKER AS $$
DECLARE
    former_clinic text := coalesce(current_setting('app.clinic', true), '');
    former_reach text := coalesce(current_setting('app.reach', true), '');
    can_answer boolean;
BEGIN
    PERFORM set_config('app.clinic', which::text, true), set_config('app.reach', 'clinic', true);
    SELECT u.is_active AND s.role IN ('CLINICIAN', 'COORDINATOR') INTO can_answer
        FROM people_clinic c
        JOIN people_staffmember s ON s.clinic_id = c.id AND s.id = c.fallback_contact_id
        JOIN people_user u ON u.id = s.user_id
        WHERE c.id = which;
    PERFORM set_config('app.clinic', former_clinic, true), set_config('app.reach', former_reach, true);
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
    PERFORM people_refuse_without_fallback(c.id) FROM people_clinic c
        WHERE c.activated_at IS NOT NULL AND c.fallback_contact_id = OLD.id;
    RETURN NULL;
END $$;
CREATE FUNCTION people_keep_fallback_of_user() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    PERFORM people_refuse_without_fallback(c.id) FROM people_clinic c WHERE c.activated_at IS NOT NULL;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER active_clinic_has_a_fallback AFTER INSERT OR UPDATE ON people_clinic
    DEFERRABLE FOR EACH ROW WHEN (NEW.activated_at IS NOT NULL)
    EXECUTE FUNCTION people_keep_fallback_of_clinic();
CREATE CONSTRAINT TRIGGER fallback_stays_clinical AFTER UPDATE ON people_staffmember
    DEFERRABLE FOR EACH ROW EXECUTE FUNCTION people_keep_fallback_of_staff();
CREATE CONSTRAINT TRIGGER fallback_stays_switched_on AFTER UPDATE ON people_user
    DEFERRABLE FOR EACH ROW WHEN (OLD.is_active AND NOT NEW.is_active)
    EXECUTE FUNCTION people_keep_fallback_of_user();
ALTER TABLE people_clinic ADD CONSTRAINT clinic_fallback_contact_of_clinic
    FOREIGN KEY (id, fallback_contact_id) REFERENCES people_staffmember (clinic_id, id);
"""
UNDO_FALLBACK = """
ALTER TABLE people_clinic DROP CONSTRAINT clinic_fallback_contact_of_clinic;
DROP TRIGGER fallback_stays_switched_on ON people_user;
DROP TRIGGER fallback_stays_clinical ON people_staffmember;
DROP TRIGGER active_clinic_has_a_fallback ON people_clinic;
DROP FUNCTION people_keep_fallback_of_user();
DROP FUNCTION people_keep_fallback_of_staff();
DROP FUNCTION people_keep_fallback_of_clinic();
DROP FUNCTION people_refuse_without_fallback(uuid);
"""

# What stands follows from what was given and withdrawn, whoever writes it.
_COLUMNS = [category.lower() for category in walls.CATEGORIES]
_FIRST = ", ".join(f"NEW.given AND NEW.category = '{category}'" for category in walls.CATEGORIES)
_NEXT = ", ".join(
    f"{category.lower()} = CASE NEW.category WHEN '{category}' THEN NEW.given ELSE held.{category.lower()} END"
    for category in walls.CATEGORIES
)
CONSENT = f"""
CREATE FUNCTION people_let_consent_stand() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    INSERT INTO people_consent AS held (clinic_id, patient_id, team_id, {", ".join(_COLUMNS)})
        VALUES (NEW.clinic_id, NEW.patient_id, NEW.team_id, {_FIRST})
        ON CONFLICT (patient_id, team_id) DO UPDATE SET {_NEXT};
    RETURN NULL;
END $$;
CREATE FUNCTION people_refuse_change() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    RAISE EXCEPTION 'what was said about consent never changes' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER stands AFTER INSERT ON people_consentchange
    FOR EACH ROW EXECUTE FUNCTION people_let_consent_stand();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON people_consentchange
    FOR EACH ROW EXECUTE FUNCTION people_refuse_change();
CREATE TRIGGER never_changes BEFORE UPDATE OR DELETE ON people_consenttext
    FOR EACH ROW EXECUTE FUNCTION people_refuse_change();
"""
UNDO_CONSENT = """
DROP TRIGGER never_changes ON people_consenttext;
DROP TRIGGER append_only ON people_consentchange;
DROP TRIGGER stands ON people_consentchange;
DROP FUNCTION people_refuse_change();
DROP FUNCTION people_let_consent_stand();
"""
# Read by who made it, by the clinic's own jobs, and by whoever holds its code: they name it before they are anybody.
OWN_INVITATION = f"{walls.CLINIC} AND ({walls.WHOLE_CLINIC} OR invited_by_id = {walls.PERSON})"
HELD_CODE = "code = (SELECT decode(NULLIF(current_setting('app.invitation', true), ''), 'hex'))"

OWN = f"user_id = {walls.PERSON}"
MINE = f"{walls.CLINIC} AND patient_id = {walls.SELF}"


def publish(apps: object, schema_editor: object) -> None:
    text = apps.get_model("people", "ConsentText")  # type: ignore[attr-defined]
    text.objects.create(version=1, content=consent_texts.TEXTS[1], published_at="2026-11-22T00:00:00+00:00")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("people", "0001_initial")]
    operations: ClassVar = [
        migrations.RunPython(publish, migrations.RunPython.noop),
        # Who works where decides who sees whom: it is changed by the clinic's own jobs, never in a person's name.
        walls.kept_by_clinic("people_careteam"),
        walls.kept_by_clinic("people_teammembership"),
        walls.kept_by_clinic("people_dutyperiod"),
        walls.kept_by_clinic("people_staffmember", f"{OWN} OR {walls.CLINIC}"),
        walls.kept_by_clinic(
            "people_patient",
            f"{OWN} OR ({walls.CLINIC} AND ({walls.WHOLE_CLINIC} OR id = ANY ({walls.PATIENTS})"
            f" OR care_team_id = ANY ({walls.TEAMS})))",
        ),
        walls.own("people_device"),
        walls.own("people_devicelabel"),
        walls.tied(
            "people_invitation",
            walls.protect_each(
                "people_invitation",
                read=f"({OWN_INVITATION}) OR {HELD_CODE}",
                insert=OWN_INVITATION,
                update=OWN_INVITATION,
                delete=walls.CLINIC_JOB,
            ),
        ),
        walls.same_clinic("people_invitation", "care_team_id", "people_careteam"),
        walls.by_patient("people_datakey"),
        # Consent is the patient's to give and to withdraw, and nobody's else.
        walls.tied(
            "people_consentchange",
            walls.protect_each(
                "people_consentchange",
                read=f"{walls.CLINIC} AND ({walls.WHOLE_CLINIC} OR patient_id = {walls.SELF})",
                insert=f"{MINE} AND by_id = {walls.PERSON}",
                update=walls.CLINIC_JOB,
                delete=walls.CLINIC_JOB,
            ),
        ),
        walls.tied(
            "people_consent",
            walls.protect_each(
                "people_consent",
                read=f"{walls.CLINIC} AND ({walls.WHOLE_CLINIC} OR patient_id = {walls.SELF}"
                f" OR team_id = ANY ({walls.TEAMS}))",
                insert=MINE,
                update=MINE,
                delete=walls.CLINIC_JOB,
            ),
        ),
        walls.tied(
            "people_caregiver",
            walls.protect_each(
                "people_caregiver",
                read=f"{OWN} OR ({walls.CLINIC} AND ({walls.WHOLE_CLINIC} OR patient_id = {walls.SELF}))",
                insert=MINE,
                update=MINE,
                delete=walls.CLINIC_JOB,
            ),
        ),
        walls.tied(
            "people_breakglass",
            walls.kept_by_clinic(
                "people_breakglass",
                f"{walls.CLINIC} AND ({walls.WHOLE_CLINIC} OR {OWN} OR patient_id = {walls.SELF}"
                f" OR {walls.OFFICER})",
            ),
        ),
        walls.tied(
            "people_breakglassreason",
            walls.kept_by_clinic(
                "people_breakglassreason",
                f"{walls.CLINIC} AND ({walls.WHOLE_CLINIC} OR patient_id = {walls.SELF})",
            ),
        ),
        walls.same_clinic("people_breakglassreason", "glass_id", "people_breakglass"),
        walls.same_clinic("people_teammembership", "team_id", "people_careteam"),
        walls.same_clinic("people_teammembership", "staff_member_id", "people_staffmember"),
        walls.same_clinic("people_dutyperiod", "team_id", "people_careteam"),
        walls.same_clinic("people_dutyperiod", "staff_member_id", "people_staffmember"),
        walls.same_clinic("people_patient", "care_team_id", "people_careteam"),
        walls.same_clinic("people_patient", "primary_clinician_id", "people_staffmember"),
        walls.same_clinic("people_consent", "team_id", "people_careteam"),
        walls.same_clinic("people_consentchange", "team_id", "people_careteam"),
        walls.same_clinic("people_breakglass", "staff_member_id", "people_staffmember"),
        migrations.RunSQL(CONSENT, UNDO_CONSENT),
        migrations.RunSQL(FALLBACK, UNDO_FALLBACK),
        migrations.RunSQL(sealing.ONLY_RESEALED, "DROP FUNCTION people_only_resealed()"),
        migrations.RunSQL(
            """
            ALTER TABLE people_datakey
                ADD CONSTRAINT people_datakey_wrapped_by_an_open_master_key
                FOREIGN KEY (master_key_id, master_is_open) REFERENCES people_masterkey (id, is_open);
            """,
            """
            ALTER TABLE people_datakey DROP CONSTRAINT people_datakey_wrapped_by_an_open_master_key;
            """,
        ),
        sealing.guard("people_breakglassreason"),
        sealing.guard("people_devicelabel"),
        migrations.RunSQL(ENTER, "DROP FUNCTION people_enter(uuid, timestamptz)"),
    ]
