"""What the database promises about a table of sealed texts (``models.keys.Sealed``)."""

from django.db.migrations.operations import RunSQL

# Sealed text is never rewritten: only a rotation puts it under the patient's new key, and no key goes while
# something is sealed with it. That the text is the same, the seal and the record's fingerprint tell.
ONLY_REENCRYPTED = """
CREATE FUNCTION keys_only_reencrypted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - 'sealed' - 'key_id' = to_jsonb(NEW) - 'sealed' - 'key_id'
        AND EXISTS (SELECT FROM keys_datakey WHERE id = OLD.key_id AND replaced_at IS NOT NULL)
        AND EXISTS (SELECT FROM keys_datakey WHERE id = NEW.key_id AND replaced_at IS NULL)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'sealed text never changes' USING ERRCODE = 'insufficient_privilege';
END $$;
"""


def encrypted_table(table: str) -> RunSQL:
    """A migration step: rows of ``table`` are sealed with a key of their patient, and are only ever re-sealed."""
    return RunSQL(
        f"""
        ALTER TABLE {table} ADD CONSTRAINT {table}_key_of_patient FOREIGN KEY (clinic_id, patient_id, key_id)
            REFERENCES keys_datakey (clinic_id, patient_id, id);
        CREATE TRIGGER only_resealed BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION keys_only_reencrypted();
        """,
        f"""
        DROP TRIGGER only_resealed ON {table};
        ALTER TABLE {table} DROP CONSTRAINT {table}_key_of_patient;
        """,
    )
