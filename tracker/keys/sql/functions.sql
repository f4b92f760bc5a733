-- Encrypted text is never rewritten: only a rotation puts it under the patient's new key, and no key goes while
-- something is encrypted with it. That the text is the same, the tag and the record's fingerprint tell.
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
