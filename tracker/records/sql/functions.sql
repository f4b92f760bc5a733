-- Functions of the triggers of the record's tables (``records.row_security``).

-- The version that a record had, before it is amended or removed. On update and delete only: plain inserts pay nothing.
CREATE FUNCTION records_keep_former_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- What a new scoring rule makes of the same answers is no version of theirs: the scores are kept beside each other.
    -- Nor is what a dose, entered later, makes of them.
    IF TG_OP = 'UPDATE' AND TG_ARGV[0] = 'response'
       AND to_jsonb(OLD) - ARRAY['sequence', 'status', 'reported_total_check', 'is_in_capacity_guard']
         = to_jsonb(NEW) - ARRAY['sequence', 'status', 'reported_total_check', 'is_in_capacity_guard'] THEN
        RETURN NULL;
    END IF;
    INSERT INTO records_formerversion
        (clinic_id, patient_id, kind, category, record_id, revision, fingerprint, row, replaced_at)
    VALUES (OLD.clinic_id, OLD.patient_id, TG_ARGV[0],
            coalesce(to_jsonb(OLD) ->> 'category', TG_ARGV[1]), OLD.id, OLD.revision, OLD.fingerprint,
            to_jsonb(OLD) - 'fingerprint', now());
    RETURN NULL;
END $$;

-- Who has a copy of a page of the journal is told when it is shared no more.
CREATE FUNCTION records_insert_access_revocation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO records_accessrevocation (clinic_id, patient_id, record_id, sequence)
        VALUES (NEW.clinic_id, NEW.patient_id, NEW.id, NEW.sequence);
    RETURN NULL;
END $$;
