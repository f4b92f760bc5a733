-- The licence gate: what a clinic offers has wording that ships, or that this clinic has permission for.

CREATE FUNCTION instruments_refuse_unlicensed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM instruments_version WHERE id = NEW.version_id AND wording_ships;
    IF FOUND THEN RETURN NEW; END IF;
    -- Locked, so that the permission cannot go while this offer is made.
    PERFORM 1 FROM instruments_permission
        WHERE clinic_id = NEW.clinic_id AND version_id = NEW.version_id FOR SHARE;
    IF FOUND THEN RETURN NEW; END IF;
    RAISE EXCEPTION 'this clinic holds no permission for the wording of this instrument'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'offer_needs_licensed_wording';
END $$;

CREATE FUNCTION instruments_keep_permission() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.clinic_id, NEW.version_id) = (OLD.clinic_id, OLD.version_id) THEN
        RETURN NEW;
    END IF;
    PERFORM 1 FROM instruments_offer WHERE clinic_id = OLD.clinic_id AND version_id = OLD.version_id;
    IF FOUND THEN
        RAISE EXCEPTION 'the instrument is still offered under this permission: withdraw the offer first'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
