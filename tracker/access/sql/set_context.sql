-- Sets the row-security context of a transaction to what one user may see, and says who they are: one round trip.
--
-- Reads role, teams, patients and what these share with the user, and fixes them for the transaction. It runs with the
-- caller's own rights (SECURITY INVOKER): nothing here steps around the policies that it opens one after the other.
-- `visibility` holds a number for each of `patients`: a bit for each category (pain 1, mood 2, medication 4, journal 8,
-- visits 16, treatment 32: the order of access.policy.Category), 64 for a patient of the user's own teams, and 128 for one
-- who lets the user write as their caregiver.
--
-- One person may be a patient, a member of staff and a caregiver; `role_id` names the row (patient, staff member or
-- caregiver) as which they act. Without it they are the first of these three that there is. No two at once: what one
-- role opens is never added to what another does.
--
-- Written as pg_get_functiondef prints it: a test compares the two. Parameters are always named in full, since a bare
-- name that is also a column means the column.
CREATE OR REPLACE FUNCTION public.access_set_context(user_id uuid, at timestamp with time zone, role_id uuid DEFAULT NULL::uuid)
 RETURNS TABLE(clinic uuid, role text, name text, staff uuid, patient uuid, time_zone text, patients uuid[], visibility integer[], break_glass_patient uuid, break_glass_until timestamp with time zone, password_hash text)
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_column
DECLARE
    teams uuid[];
    others uuid[];
BEGIN
    -- Who is switched off is nobody: not even their own row is theirs to see.
    SELECT u.password INTO password_hash FROM accounts_user u
        WHERE u.id = access_set_context.user_id AND u.is_active;
    PERFORM
        set_config('app.person', CASE WHEN FOUND THEN access_set_context.user_id::text ELSE '' END, true),
        set_config('app.clinic', '', true),
        set_config('app.own_patient', '', true),
        set_config('app.teams', '', true),
        set_config('app.patients', '', true),
        set_config('app.pain', '', true),
        set_config('app.mood', '', true),
        set_config('app.medication', '', true),
        set_config('app.journal', '', true),
        set_config('app.visits', '', true),
        set_config('app.treatment', '', true),
        set_config('app.writable', '', true),
        set_config('app.role', '', true),
        set_config('app.invitation', '', true),
        set_config('app.scope', '', true);
    IF password_hash IS NULL THEN RETURN; END IF;

    -- A patient: their own record, all of it.
    SELECT p.clinic_id, 'PATIENT', p.name, p.id, p.time_zone, ARRAY[p.id], ARRAY[63]
        INTO clinic, role, name, patient, time_zone, patients, visibility
        FROM clinics_patient p
        WHERE p.user_id = access_set_context.user_id AND p.sign_in_disabled_at IS NULL
          AND (access_set_context.role_id IS NULL OR p.id = access_set_context.role_id);
    IF FOUND THEN
        PERFORM
            set_config('app.clinic', clinic::text, true),
            set_config('app.own_patient', patient::text, true),
            set_config('app.role', role, true),
            set_config('app.patients', patient::text, true),
            set_config('app.pain', patient::text, true),
            set_config('app.mood', patient::text, true),
            set_config('app.medication', patient::text, true),
            set_config('app.journal', patient::text, true),
            set_config('app.visits', patient::text, true),
            set_config('app.treatment', patient::text, true);
        RETURN NEXT;
        RETURN;
    END IF;

    SELECT s.clinic_id, s.role, s.name, s.id, c.time_zone INTO clinic, role, name, staff, time_zone
        FROM clinics_staffmember s JOIN clinics_clinic c ON c.id = s.clinic_id
        WHERE s.user_id = access_set_context.user_id AND s.left_at IS NULL
          AND (access_set_context.role_id IS NULL OR s.id = access_set_context.role_id);
    IF FOUND THEN
        PERFORM set_config('app.clinic', clinic::text, true), set_config('app.role', role, true);
        -- Staff who treat nobody see no patient.
        IF role NOT IN ('CLINICIAN', 'COORDINATOR') THEN
            RETURN NEXT;
            RETURN;
        END IF;
        -- Who is on duty for a team is on it for as long.
        teams := ARRAY(
            SELECT m.team_id FROM clinics_teammembership m
            WHERE m.staff_member_id = staff AND m.starts_at <= access_set_context.at
              AND (m.ends_at IS NULL OR m.ends_at > access_set_context.at)
            UNION
            SELECT d.team_id FROM clinics_dutyperiod d
            WHERE d.staff_member_id = staff AND d.team_id IS NOT NULL
              AND d.starts_at <= access_set_context.at AND d.ends_at > access_set_context.at);
        IF role = 'CLINICIAN' THEN
            SELECT b.patient_id, b.ends_at INTO break_glass_patient, break_glass_until
                FROM access_breakglassaccess b
                WHERE b.user_id = access_set_context.user_id
                  AND b.begun_at <= access_set_context.at AND b.ends_at > access_set_context.at
                ORDER BY b.begun_at DESC, b.id LIMIT 1;
        END IF;
        PERFORM
            set_config('app.teams', array_to_string(teams, ','), true),
            set_config('app.patients', coalesce(break_glass_patient::text, ''), true);
        SELECT
            array_agg(p.id),
            array_agg(
                CASE WHEN p.id = break_glass_patient THEN 63
                ELSE 1 * coalesce(c.pain, false)::int
                    + 2 * coalesce(c.mood, false)::int
                    + 4 * coalesce(c.medication, false)::int
                    + 8 * coalesce(c.journal, false)::int
                    + 16 * coalesce(c.visits, false)::int
                    + 32 * coalesce(c.treatment, false)::int
                END
                + CASE WHEN p.care_team_id = ANY (teams) THEN 64 ELSE 0 END)
            INTO patients, visibility
            FROM clinics_patient p
            LEFT JOIN access_consent c ON c.patient_id = p.id AND c.team_id = p.care_team_id
            WHERE p.care_team_id = ANY (teams) OR p.id = break_glass_patient;
        -- Who is asked about an alert may see that it is there and take it on, and no more: the primary clinician, who
        -- is on duty for the clinic, its fallback contact; everybody once nobody has answered. For this one look the
        -- policies show the clinic.
        PERFORM set_config('app.scope', 'clinic', true);
        others := ARRAY(
            SELECT p.id FROM clinics_patient p WHERE p.primary_clinician_id = staff
            UNION
            SELECT p.id FROM clinics_patient p
            WHERE p.clinic_id = clinic AND p.alert_opened_to_clinic_at IS NOT NULL);
        IF EXISTS (
            SELECT 1 FROM clinics_clinic k WHERE k.id = clinic AND k.fallback_contact_id = staff
            UNION ALL
            SELECT 1 FROM clinics_dutyperiod d
            WHERE d.staff_member_id = staff AND d.team_id IS NULL
              AND d.starts_at <= access_set_context.at AND d.ends_at > access_set_context.at)
        THEN
            others := ARRAY(SELECT p.id FROM clinics_patient p WHERE p.clinic_id = clinic);
        END IF;
        PERFORM set_config('app.scope', '', true);
        others := ARRAY(SELECT id FROM unnest(others) AS asked (id) EXCEPT SELECT unnest(patients));
        patients := patients || others;
        visibility := visibility || array_fill(0, ARRAY[cardinality(others)]);
    ELSE
        SELECT g.clinic_id, 'CAREGIVER', g.name, ARRAY[g.patient_id], ARRAY[
                1 * ('PAIN' = ANY (g.categories))::int
                + 2 * ('MOOD' = ANY (g.categories))::int
                + 4 * ('MEDICATION' = ANY (g.categories))::int
                + 8 * ('JOURNAL' = ANY (g.categories))::int
                + 16 * ('VISITS' = ANY (g.categories))::int
                + 32 * ('TREATMENT' = ANY (g.categories))::int
                + 128 * (g.writes_since IS NOT NULL)::int]
            INTO clinic, role, name, patients, visibility
            FROM access_caregiver g
            WHERE g.user_id = access_set_context.user_id AND g.starts_at <= access_set_context.at
              AND (g.ends_at IS NULL OR g.ends_at > access_set_context.at)
              AND (access_set_context.role_id IS NULL OR g.id = access_set_context.role_id)
            ORDER BY g.starts_at, g.id LIMIT 1;
        IF NOT FOUND THEN RETURN; END IF;
        PERFORM set_config('app.clinic', clinic::text, true), set_config('app.role', role, true);
    END IF;

    -- From two arrays side by side to one list for each category.
    PERFORM
        set_config('app.patients', coalesce(string_agg(id::text, ','), ''), true),
        set_config('app.pain', coalesce(string_agg(id::text, ',') FILTER (WHERE bits & 1 > 0), ''), true),
        set_config('app.mood', coalesce(string_agg(id::text, ',') FILTER (WHERE bits & 2 > 0), ''), true),
        set_config('app.medication', coalesce(string_agg(id::text, ',') FILTER (WHERE bits & 4 > 0), ''), true),
        set_config('app.journal', coalesce(string_agg(id::text, ',') FILTER (WHERE bits & 8 > 0), ''), true),
        set_config('app.visits', coalesce(string_agg(id::text, ',') FILTER (WHERE bits & 16 > 0), ''), true),
        set_config('app.treatment', coalesce(string_agg(id::text, ',') FILTER (WHERE bits & 32 > 0), ''), true),
        set_config('app.writable', coalesce(string_agg(id::text, ',') FILTER (WHERE bits & 128 > 0), ''), true)
        FROM unnest(patients, visibility) AS seen (id, bits);
    IF role = 'CAREGIVER' THEN
        SELECT p.time_zone INTO time_zone FROM clinics_patient p WHERE p.id = ANY (patients);
    END IF;
    RETURN NEXT;
END $function$
