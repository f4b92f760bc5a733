"""What the database promises about a table of encrypted texts (``keys.models.EncryptedText``)."""

from django.db.migrations.operations import RunSQL

# Encrypted text is never rewritten: only a rotation puts it under the patient's new key, and no key goes while
# something is encrypted with it. That the text is the same, the tag and the record's fingerprint tell.
ONLY_REENCRYPTED = """
CREATE FUNCTION keys_only_reencrypted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - 'ciphertext' - 'key_id' = to_jsonb(NEW) - 'ciphertext' - 'key_id'
        AND EXISTS (SELECT FROM keys_datakey WHERE id = OLD.key_id AND replaced_at IS NOT NULL)
        AND EXISTS (SELECT FROM keys_datakey WHERE id = NEW.key_id AND replaced_at IS NULL)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'encrypted text never changes' USING ERRCODE = 'insufficient_privilege';
END $$;
"""


def encrypted_table(table: str) -> RunSQL:
    """A migration step: rows of ``table`` are encrypted with a key of their patient, and only ever re-encrypted."""
    return RunSQL(
        f"""
        ALTER TABLE {table} ADD CONSTRAINT {table}_key_of_patient FOREIGN KEY (clinic_id, patient_id, key_id)
            REFERENCES keys_datakey (clinic_id, patient_id, id);
        CREATE TRIGGER only_reencrypted BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION keys_only_reencrypted();
        """,
        f"""
        DROP TRIGGER only_reencrypted ON {table};
        ALTER TABLE {table} DROP CONSTRAINT {table}_key_of_patient;
        """,
    )
