-- Row-level security of the record's tables, and the triggers that keep former versions.
ALTER TABLE records_painentry ADD CONSTRAINT records_painentry_patient_of_clinic
    FOREIGN KEY (clinic_id, patient_id) REFERENCES clinics_patient (clinic_id, id);
ALTER TABLE records_painentry ENABLE ROW LEVEL SECURITY;
ALTER TABLE records_painentry FORCE ROW LEVEL SECURITY;
CREATE POLICY rls ON records_painentry USING (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.pain', true), ''), ',')::uuid[])::uuid[])))) WITH CHECK (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.pain', true), ''), ',')::uuid[])::uuid[]))));
ALTER TABLE records_dailylog ADD CONSTRAINT records_dailylog_patient_of_clinic
    FOREIGN KEY (clinic_id, patient_id) REFERENCES clinics_patient (clinic_id, id);
ALTER TABLE records_dailylog ENABLE ROW LEVEL SECURITY;
ALTER TABLE records_dailylog FORCE ROW LEVEL SECURITY;
CREATE POLICY rls ON records_dailylog USING (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.mood', true), ''), ',')::uuid[])::uuid[])))) WITH CHECK (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.mood', true), ''), ',')::uuid[])::uuid[]))));
ALTER TABLE records_medicationuse ADD CONSTRAINT records_medicationuse_patient_of_clinic
    FOREIGN KEY (clinic_id, patient_id) REFERENCES clinics_patient (clinic_id, id);
ALTER TABLE records_medicationuse ENABLE ROW LEVEL SECURITY;
ALTER TABLE records_medicationuse FORCE ROW LEVEL SECURITY;
CREATE POLICY rls ON records_medicationuse USING (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.medication', true), ''), ',')::uuid[])::uuid[])))) WITH CHECK (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.medication', true), ''), ',')::uuid[])::uuid[]))));
ALTER TABLE records_treatmentsession ADD CONSTRAINT records_treatmentsession_patient_of_clinic
    FOREIGN KEY (clinic_id, patient_id) REFERENCES clinics_patient (clinic_id, id);
ALTER TABLE records_treatmentsession ENABLE ROW LEVEL SECURITY;
ALTER TABLE records_treatmentsession FORCE ROW LEVEL SECURITY;
CREATE POLICY rls ON records_treatmentsession USING (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.treatment', true), ''), ',')::uuid[])::uuid[])))) WITH CHECK (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.treatment', true), ''), ',')::uuid[])::uuid[]))));
ALTER TABLE records_practiceentry ADD CONSTRAINT records_practiceentry_patient_of_clinic
    FOREIGN KEY (clinic_id, patient_id) REFERENCES clinics_patient (clinic_id, id);
ALTER TABLE records_practiceentry ENABLE ROW LEVEL SECURITY;
ALTER TABLE records_practiceentry FORCE ROW LEVEL SECURITY;
CREATE POLICY rls ON records_practiceentry USING (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.mood', true), ''), ',')::uuid[])::uuid[])))) WITH CHECK (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.mood', true), ''), ',')::uuid[])::uuid[]))));
ALTER TABLE records_sleepentry ADD CONSTRAINT records_sleepentry_patient_of_clinic
    FOREIGN KEY (clinic_id, patient_id) REFERENCES clinics_patient (clinic_id, id);
ALTER TABLE records_sleepentry ENABLE ROW LEVEL SECURITY;
ALTER TABLE records_sleepentry FORCE ROW LEVEL SECURITY;
CREATE POLICY rls ON records_sleepentry USING (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.mood', true), ''), ',')::uuid[])::uuid[])))) WITH CHECK (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.mood', true), ''), ',')::uuid[])::uuid[]))));
ALTER TABLE records_sideeffects ADD CONSTRAINT records_sideeffects_patient_of_clinic
    FOREIGN KEY (clinic_id, patient_id) REFERENCES clinics_patient (clinic_id, id);
ALTER TABLE records_sideeffects ENABLE ROW LEVEL SECURITY;
ALTER TABLE records_sideeffects FORCE ROW LEVEL SECURITY;
CREATE POLICY rls ON records_sideeffects USING (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.medication', true), ''), ',')::uuid[])::uuid[])))) WITH CHECK (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.medication', true), ''), ',')::uuid[])::uuid[]))));
ALTER TABLE records_vitals ADD CONSTRAINT records_vitals_patient_of_clinic
    FOREIGN KEY (clinic_id, patient_id) REFERENCES clinics_patient (clinic_id, id);
ALTER TABLE records_vitals ENABLE ROW LEVEL SECURITY;
ALTER TABLE records_vitals FORCE ROW LEVEL SECURITY;
CREATE POLICY rls ON records_vitals USING (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.treatment', true), ''), ',')::uuid[])::uuid[])))) WITH CHECK (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.treatment', true), ''), ',')::uuid[])::uuid[]))));
ALTER TABLE records_plan ADD CONSTRAINT records_plan_patient_of_clinic
    FOREIGN KEY (clinic_id, patient_id) REFERENCES clinics_patient (clinic_id, id);
ALTER TABLE records_plan ENABLE ROW LEVEL SECURITY;
ALTER TABLE records_plan FORCE ROW LEVEL SECURITY;
CREATE POLICY rls ON records_plan USING (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.mood', true), ''), ',')::uuid[])::uuid[])))) WITH CHECK (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.mood', true), ''), ',')::uuid[])::uuid[]))));
ALTER TABLE records_mergededit ADD CONSTRAINT records_mergededit_patient_of_clinic
    FOREIGN KEY (clinic_id, patient_id) REFERENCES clinics_patient (clinic_id, id);
ALTER TABLE records_mergededit ENABLE ROW LEVEL SECURITY;
ALTER TABLE records_mergededit FORCE ROW LEVEL SECURITY;
CREATE POLICY rls ON records_mergededit USING (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.mood', true), ''), ',')::uuid[])::uuid[])))) WITH CHECK (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.mood', true), ''), ',')::uuid[])::uuid[]))));
ALTER TABLE records_accessrevocation ADD CONSTRAINT records_accessrevocation_patient_of_clinic
    FOREIGN KEY (clinic_id, patient_id) REFERENCES clinics_patient (clinic_id, id);
ALTER TABLE records_accessrevocation ENABLE ROW LEVEL SECURITY;
ALTER TABLE records_accessrevocation FORCE ROW LEVEL SECURITY;
CREATE POLICY rls ON records_accessrevocation USING (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.journal', true), ''), ',')::uuid[])::uuid[])))) WITH CHECK (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.journal', true), ''), ',')::uuid[])::uuid[]))));
ALTER TABLE records_response ADD CONSTRAINT records_response_patient_of_clinic
    FOREIGN KEY (clinic_id, patient_id) REFERENCES clinics_patient (clinic_id, id);
ALTER TABLE records_response ENABLE ROW LEVEL SECURITY;
ALTER TABLE records_response FORCE ROW LEVEL SECURITY;
CREATE POLICY rls ON records_response USING (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR CASE category WHEN 'PAIN' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.pain', true), ''), ',')::uuid[])::uuid[])) WHEN 'MOOD' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.mood', true), ''), ',')::uuid[])::uuid[])) WHEN 'MEDICATION' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.medication', true), ''), ',')::uuid[])::uuid[])) WHEN 'JOURNAL' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.journal', true), ''), ',')::uuid[])::uuid[])) WHEN 'VISITS' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.visits', true), ''), ',')::uuid[])::uuid[])) WHEN 'TREATMENT' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.treatment', true), ''), ',')::uuid[])::uuid[])) ELSE false END)) WITH CHECK (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR CASE category WHEN 'PAIN' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.pain', true), ''), ',')::uuid[])::uuid[])) WHEN 'MOOD' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.mood', true), ''), ',')::uuid[])::uuid[])) WHEN 'MEDICATION' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.medication', true), ''), ',')::uuid[])::uuid[])) WHEN 'JOURNAL' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.journal', true), ''), ',')::uuid[])::uuid[])) WHEN 'VISITS' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.visits', true), ''), ',')::uuid[])::uuid[])) WHEN 'TREATMENT' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.treatment', true), ''), ',')::uuid[])::uuid[])) ELSE false END));
ALTER TABLE records_score ADD CONSTRAINT records_score_patient_of_clinic
    FOREIGN KEY (clinic_id, patient_id) REFERENCES clinics_patient (clinic_id, id);
ALTER TABLE records_score ENABLE ROW LEVEL SECURITY;
ALTER TABLE records_score FORCE ROW LEVEL SECURITY;
CREATE POLICY rls ON records_score USING (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR CASE category WHEN 'PAIN' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.pain', true), ''), ',')::uuid[])::uuid[])) WHEN 'MOOD' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.mood', true), ''), ',')::uuid[])::uuid[])) WHEN 'MEDICATION' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.medication', true), ''), ',')::uuid[])::uuid[])) WHEN 'JOURNAL' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.journal', true), ''), ',')::uuid[])::uuid[])) WHEN 'VISITS' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.visits', true), ''), ',')::uuid[])::uuid[])) WHEN 'TREATMENT' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.treatment', true), ''), ',')::uuid[])::uuid[])) ELSE false END)) WITH CHECK (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR CASE category WHEN 'PAIN' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.pain', true), ''), ',')::uuid[])::uuid[])) WHEN 'MOOD' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.mood', true), ''), ',')::uuid[])::uuid[])) WHEN 'MEDICATION' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.medication', true), ''), ',')::uuid[])::uuid[])) WHEN 'JOURNAL' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.journal', true), ''), ',')::uuid[])::uuid[])) WHEN 'VISITS' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.visits', true), ''), ',')::uuid[])::uuid[])) WHEN 'TREATMENT' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.treatment', true), ''), ',')::uuid[])::uuid[])) ELSE false END));
ALTER TABLE records_observation ADD CONSTRAINT records_observation_patient_of_clinic
    FOREIGN KEY (clinic_id, patient_id) REFERENCES clinics_patient (clinic_id, id);
ALTER TABLE records_observation ENABLE ROW LEVEL SECURITY;
ALTER TABLE records_observation FORCE ROW LEVEL SECURITY;
CREATE POLICY rls ON records_observation USING (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR CASE category WHEN 'PAIN' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.pain', true), ''), ',')::uuid[])::uuid[])) WHEN 'MOOD' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.mood', true), ''), ',')::uuid[])::uuid[])) WHEN 'MEDICATION' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.medication', true), ''), ',')::uuid[])::uuid[])) WHEN 'JOURNAL' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.journal', true), ''), ',')::uuid[])::uuid[])) WHEN 'VISITS' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.visits', true), ''), ',')::uuid[])::uuid[])) WHEN 'TREATMENT' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.treatment', true), ''), ',')::uuid[])::uuid[])) ELSE false END)) WITH CHECK (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR CASE category WHEN 'PAIN' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.pain', true), ''), ',')::uuid[])::uuid[])) WHEN 'MOOD' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.mood', true), ''), ',')::uuid[])::uuid[])) WHEN 'MEDICATION' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.medication', true), ''), ',')::uuid[])::uuid[])) WHEN 'JOURNAL' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.journal', true), ''), ',')::uuid[])::uuid[])) WHEN 'VISITS' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.visits', true), ''), ',')::uuid[])::uuid[])) WHEN 'TREATMENT' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.treatment', true), ''), ',')::uuid[])::uuid[])) ELSE false END));
ALTER TABLE records_measurestate ADD CONSTRAINT records_measurestate_patient_of_clinic
    FOREIGN KEY (clinic_id, patient_id) REFERENCES clinics_patient (clinic_id, id);
ALTER TABLE records_measurestate ENABLE ROW LEVEL SECURITY;
ALTER TABLE records_measurestate FORCE ROW LEVEL SECURITY;
CREATE POLICY rls ON records_measurestate USING (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR CASE category WHEN 'PAIN' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.pain', true), ''), ',')::uuid[])::uuid[])) WHEN 'MOOD' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.mood', true), ''), ',')::uuid[])::uuid[])) WHEN 'MEDICATION' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.medication', true), ''), ',')::uuid[])::uuid[])) WHEN 'JOURNAL' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.journal', true), ''), ',')::uuid[])::uuid[])) WHEN 'VISITS' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.visits', true), ''), ',')::uuid[])::uuid[])) WHEN 'TREATMENT' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.treatment', true), ''), ',')::uuid[])::uuid[])) ELSE false END)) WITH CHECK (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR CASE category WHEN 'PAIN' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.pain', true), ''), ',')::uuid[])::uuid[])) WHEN 'MOOD' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.mood', true), ''), ',')::uuid[])::uuid[])) WHEN 'MEDICATION' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.medication', true), ''), ',')::uuid[])::uuid[])) WHEN 'JOURNAL' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.journal', true), ''), ',')::uuid[])::uuid[])) WHEN 'VISITS' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.visits', true), ''), ',')::uuid[])::uuid[])) WHEN 'TREATMENT' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.treatment', true), ''), ',')::uuid[])::uuid[])) ELSE false END));
ALTER TABLE records_changecounter ADD CONSTRAINT records_changecounter_patient_of_clinic
    FOREIGN KEY (clinic_id, patient_id) REFERENCES clinics_patient (clinic_id, id);
ALTER TABLE records_changecounter ENABLE ROW LEVEL SECURITY;
ALTER TABLE records_changecounter FORCE ROW LEVEL SECURITY;
CREATE POLICY rls ON records_changecounter USING (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = (SELECT NULLIF(current_setting('app.own_patient', true), '')::uuid))) WITH CHECK (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = (SELECT NULLIF(current_setting('app.own_patient', true), '')::uuid)));
ALTER TABLE records_journalentry ADD CONSTRAINT records_journalentry_patient_of_clinic
    FOREIGN KEY (clinic_id, patient_id) REFERENCES clinics_patient (clinic_id, id);
ALTER TABLE records_journalentry ENABLE ROW LEVEL SECURITY;
ALTER TABLE records_journalentry FORCE ROW LEVEL SECURITY;
CREATE POLICY rls ON records_journalentry USING (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = (SELECT NULLIF(current_setting('app.own_patient', true), '')::uuid) OR (patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.journal', true), ''), ',')::uuid[])::uuid[])) AND share = 'ENTRY'))) WITH CHECK (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = (SELECT NULLIF(current_setting('app.own_patient', true), '')::uuid) OR (patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.journal', true), ''), ',')::uuid[])::uuid[])) AND share = 'ENTRY')));
ALTER TABLE records_journaltext ADD CONSTRAINT records_journaltext_patient_of_clinic
    FOREIGN KEY (clinic_id, patient_id) REFERENCES clinics_patient (clinic_id, id);
ALTER TABLE records_journaltext ENABLE ROW LEVEL SECURITY;
ALTER TABLE records_journaltext FORCE ROW LEVEL SECURITY;
CREATE POLICY rls ON records_journaltext USING (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = (SELECT NULLIF(current_setting('app.own_patient', true), '')::uuid) OR (patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.journal', true), ''), ',')::uuid[])::uuid[])) AND EXISTS (
    SELECT 1 FROM records_journalentry page WHERE page.patient_id = records_journaltext.patient_id
AND page.id = records_journaltext.entry_id AND page.revision = records_journaltext.revision
)))) WITH CHECK (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = (SELECT NULLIF(current_setting('app.own_patient', true), '')::uuid) OR (patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.journal', true), ''), ',')::uuid[])::uuid[])) AND EXISTS (
    SELECT 1 FROM records_journalentry page WHERE page.patient_id = records_journaltext.patient_id
AND page.id = records_journaltext.entry_id AND page.revision = records_journaltext.revision
))));
ALTER TABLE records_formerversion ADD CONSTRAINT records_formerversion_patient_of_clinic
    FOREIGN KEY (clinic_id, patient_id) REFERENCES clinics_patient (clinic_id, id);
ALTER TABLE records_formerversion ENABLE ROW LEVEL SECURITY;
ALTER TABLE records_formerversion FORCE ROW LEVEL SECURITY;
CREATE POLICY rls ON records_formerversion USING (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = (SELECT NULLIF(current_setting('app.own_patient', true), '')::uuid) OR (kind <> 'journal' AND CASE category WHEN 'PAIN' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.pain', true), ''), ',')::uuid[])::uuid[])) WHEN 'MOOD' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.mood', true), ''), ',')::uuid[])::uuid[])) WHEN 'MEDICATION' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.medication', true), ''), ',')::uuid[])::uuid[])) WHEN 'JOURNAL' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.journal', true), ''), ',')::uuid[])::uuid[])) WHEN 'VISITS' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.visits', true), ''), ',')::uuid[])::uuid[])) WHEN 'TREATMENT' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.treatment', true), ''), ',')::uuid[])::uuid[])) ELSE false END))) WITH CHECK (clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid) AND ((SELECT current_setting('app.scope', true) = 'clinic') OR patient_id = (SELECT NULLIF(current_setting('app.own_patient', true), '')::uuid) OR (kind <> 'journal' AND CASE category WHEN 'PAIN' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.pain', true), ''), ',')::uuid[])::uuid[])) WHEN 'MOOD' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.mood', true), ''), ',')::uuid[])::uuid[])) WHEN 'MEDICATION' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.medication', true), ''), ',')::uuid[])::uuid[])) WHEN 'JOURNAL' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.journal', true), ''), ',')::uuid[])::uuid[])) WHEN 'VISITS' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.visits', true), ''), ',')::uuid[])::uuid[])) WHEN 'TREATMENT' THEN patient_id = ANY (((SELECT string_to_array(NULLIF(current_setting('app.treatment', true), ''), ',')::uuid[])::uuid[])) ELSE false END)));
CREATE FUNCTION records_keep_former_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO records_formerversion
(clinic_id, patient_id, kind, category, record_id, revision, fingerprint, row, replaced_at)
    VALUES (OLD.clinic_id, OLD.patient_id, TG_ARGV[0],
    coalesce(to_jsonb(OLD) ->> 'category', TG_ARGV[1]), OLD.id, OLD.revision, OLD.fingerprint,
    to_jsonb(OLD) - 'fingerprint', now());
    RETURN NULL;
END $$;
-- Who has a copy of a page is told when it is shared no more.
CREATE FUNCTION records_insert_access_revocation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO records_accessrevocation (clinic_id, patient_id, record_id, sequence)
VALUES (NEW.clinic_id, NEW.patient_id, NEW.id, NEW.sequence);
    RETURN NULL;
END $$;
CREATE TRIGGER insert_access_revocation AFTER UPDATE ON records_journalentry
    FOR EACH ROW WHEN (OLD.share = 'ENTRY' AND NEW.share <> 'ENTRY') EXECUTE FUNCTION records_insert_access_revocation();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON records_accessrevocation
    FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON records_formerversion
    FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON records_mergededit
    FOR EACH ROW EXECUTE FUNCTION append_only();
ALTER TABLE records_journaltext ADD CONSTRAINT records_journaltext_key_of_patient FOREIGN KEY (clinic_id, patient_id, key_id)
    REFERENCES keys_datakey (clinic_id, patient_id, id);
CREATE TRIGGER only_reencrypted BEFORE UPDATE OR DELETE ON records_journaltext
    FOR EACH ROW EXECUTE FUNCTION keys_only_reencrypted();
CREATE TRIGGER keep_former_version AFTER UPDATE OR DELETE ON records_painentry
    FOR EACH ROW EXECUTE FUNCTION records_keep_former_version('pain', 'PAIN');
CREATE TRIGGER keep_former_version AFTER UPDATE OR DELETE ON records_dailylog
    FOR EACH ROW EXECUTE FUNCTION records_keep_former_version('daily', 'MOOD');
CREATE TRIGGER keep_former_version AFTER UPDATE OR DELETE ON records_response
    FOR EACH ROW EXECUTE FUNCTION records_keep_former_version('response', '');
CREATE TRIGGER keep_former_version AFTER UPDATE OR DELETE ON records_medicationuse
    FOR EACH ROW EXECUTE FUNCTION records_keep_former_version('medication_use', 'MEDICATION');
CREATE TRIGGER keep_former_version AFTER UPDATE OR DELETE ON records_journalentry
    FOR EACH ROW EXECUTE FUNCTION records_keep_former_version('journal', 'JOURNAL');
CREATE TRIGGER keep_former_version AFTER UPDATE OR DELETE ON records_practiceentry
    FOR EACH ROW EXECUTE FUNCTION records_keep_former_version('practice', 'MOOD');
CREATE TRIGGER keep_former_version AFTER UPDATE OR DELETE ON records_sleepentry
    FOR EACH ROW EXECUTE FUNCTION records_keep_former_version('sleep', 'MOOD');
CREATE TRIGGER keep_former_version AFTER UPDATE OR DELETE ON records_sideeffects
    FOR EACH ROW EXECUTE FUNCTION records_keep_former_version('side_effects', 'MEDICATION');
CREATE TRIGGER keep_former_version AFTER UPDATE OR DELETE ON records_vitals
    FOR EACH ROW EXECUTE FUNCTION records_keep_former_version('vitals', 'TREATMENT');
CREATE TRIGGER keep_former_version AFTER UPDATE OR DELETE ON records_plan
    FOR EACH ROW EXECUTE FUNCTION records_keep_former_version('plan', 'MOOD');
