"""Row-level security, and the one function by which a person enters."""

from typing import ClassVar

from django.db import migrations

from tracker.lib import walls

# Reads role, teams and patients of a person and fixes them for the transaction, in one round trip. It runs with
# the caller's own rights: nothing here steps around the walls that it sets up one after the other.
ENTER = """
CREATE FUNCTION people_enter(person uuid, moment timestamptz)
RETURNS TABLE (clinic uuid, role text, name text, staff uuid, patient uuid, zone text, patients uuid[], secret text)
LANGUAGE plpgsql SECURITY INVOKER AS $$
#variable_conflict use_column
DECLARE
    teams uuid[];
BEGIN
    -- Who is switched off is nobody: not even their own row is theirs to see.
    SELECT u.password INTO secret FROM people_user u WHERE u.id = person AND u.is_active;
    PERFORM set_config('app.person', CASE WHEN FOUND THEN person::text ELSE '' END, true),
            set_config('app.clinic', '', true), set_config('app.teams', '', true),
            set_config('app.patients', '', true), set_config('app.reach', '', true);
    IF secret IS NULL THEN RETURN; END IF;

    SELECT p.clinic_id, 'PATIENT', p.name, p.id, p.zone, ARRAY[p.id]
        INTO clinic, role, name, patient, zone, patients
        FROM people_patient p WHERE p.user_id = person;
    IF FOUND THEN
        PERFORM set_config('app.clinic', clinic::text, true), set_config('app.patients', patient::text, true);
        RETURN NEXT;
        RETURN;
    END IF;

    SELECT s.clinic_id, s.role, s.name, s.id, c.zone INTO clinic, role, name, staff, zone
        FROM people_staffmember s JOIN people_clinic c ON c.id = s.clinic_id WHERE s.user_id = person;
    IF NOT FOUND THEN RETURN; END IF;
    PERFORM set_config('app.clinic', clinic::text, true);

    IF role <> 'ADMINISTRATOR' THEN
        teams := ARRAY(SELECT m.team_id FROM people_teammembership m
            WHERE m.staff_member_id = staff AND m.starts_at <= moment
              AND (m.ends_at IS NULL OR m.ends_at > moment));
        PERFORM set_config('app.teams', array_to_string(teams, ','), true);
        patients := ARRAY(SELECT p.id FROM people_patient p WHERE p.care_team_id = ANY (teams));
        PERFORM set_config('app.patients', array_to_string(patients, ','), true);
    END IF;
    RETURN NEXT;
END $$;
"""

OWN = f"user_id = {walls.PERSON}"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("people", "0001_initial")]
    operations: ClassVar = [
        # Who works where decides who sees whom: it is changed by the clinic's own jobs, never in a person's name.
        walls.kept_by_clinic("people_careteam"),
        walls.kept_by_clinic("people_teammembership"),
        walls.kept_by_clinic("people_staffmember", f"{OWN} OR {walls.CLINIC}"),
        walls.kept_by_clinic(
            "people_patient",
            f"{OWN} OR ({walls.CLINIC} AND ({walls.WHOLE_CLINIC} OR id = ANY ({walls.PATIENTS})"
            f" OR care_team_id = ANY ({walls.TEAMS})))",
        ),
        walls.by_patient("people_device"),
        walls.by_patient("people_datakey"),
        migrations.RunSQL(ENTER, "DROP FUNCTION people_enter(uuid, timestamptz)"),
    ]
