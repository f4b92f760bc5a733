-- What a team may see follows from what the patient gave and withdrew, whoever writes it.
CREATE FUNCTION access_apply_consent_change() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    INSERT INTO access_consent AS former (clinic_id, patient_id, team_id, pain, mood, medication, journal, visits, treatment)
        VALUES (NEW.clinic_id, NEW.patient_id, NEW.team_id,
            NEW.given AND NEW.category = 'PAIN',
            NEW.given AND NEW.category = 'MOOD',
            NEW.given AND NEW.category = 'MEDICATION',
            NEW.given AND NEW.category = 'JOURNAL',
            NEW.given AND NEW.category = 'VISITS',
            NEW.given AND NEW.category = 'TREATMENT')
        ON CONFLICT (patient_id, team_id) DO UPDATE SET
            pain = CASE NEW.category WHEN 'PAIN' THEN NEW.given ELSE former.pain END,
            mood = CASE NEW.category WHEN 'MOOD' THEN NEW.given ELSE former.mood END,
            medication = CASE NEW.category WHEN 'MEDICATION' THEN NEW.given ELSE former.medication END,
            journal = CASE NEW.category WHEN 'JOURNAL' THEN NEW.given ELSE former.journal END,
            visits = CASE NEW.category WHEN 'VISITS' THEN NEW.given ELSE former.visits END,
            treatment = CASE NEW.category WHEN 'TREATMENT' THEN NEW.given ELSE former.treatment END;
    RETURN NULL;
END $$;
