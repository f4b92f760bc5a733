-- Functions that the triggers of the audit's tables call (``audit.models``), and two for every table.

-- Rows are written once: no role, the owner of the table neither, changes or removes one.
CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

-- Of some rows a column stays once it has a value, or moves one way only: the trigger that calls this says which.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'refused by % of %', TG_NAME, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

-- What an event's hash is made of. ``audit.chain`` computes the same bytes in Python, on its own, when it verifies.
CREATE FUNCTION audit_bytes(seq bigint, event record) RETURNS bytea LANGUAGE plpgsql STABLE AS $$
DECLARE
    part text;
    bytes bytea := '';
    parts text[] := ARRAY[
        event.clinic_id::text, seq::text, event.id::text, (extract(epoch FROM event.at) * 1000000)::bigint::text,
        event.actor, event.on_behalf_of, event.action, event.kind, event.subject, event.patient::text,
        array_to_string(event.patients, ','), event.purpose, event.device, event.request, event.result,
        event.detail::text];
BEGIN
    -- Each part is preceded by its length, and -1 stands for none: no two events have the same bytes.
    FOREACH part IN ARRAY parts LOOP
        bytes := bytes || CASE WHEN part IS NULL THEN int4send(-1)
            ELSE int4send(octet_length(part)) || convert_to(part, 'UTF8') END;
    END LOOP;
    RETURN bytes;
END $$;

-- A new chain begins with nothing, whatever was asked for.
CREATE FUNCTION audit_begin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.seq := 0;
    NEW.event_id := NULL;
    NEW.hash := decode(repeat('00', 32), 'hex');
    NEW.moved_at := clock_timestamp();
    RETURN NEW;
END $$;

-- Whatever is asked of a head, it can only move on by one, to an event of its clinic that is there; the link's
-- own rule (an event is linked once) refuses the rest.
CREATE FUNCTION audit_advance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    event record;
BEGIN
    SELECT * INTO event FROM audit_auditevent WHERE id = NEW.event_id AND clinic_id = OLD.clinic_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the audit chain moves on to an event of its clinic'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    NEW.clinic_id := OLD.clinic_id;
    NEW.seq := OLD.seq + 1;
    NEW.hash := sha256(OLD.hash || audit_bytes(NEW.seq, event));
    NEW.moved_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE FUNCTION audit_keep_link() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_chainlink (clinic_id, seq, event_id, hash)
        VALUES (NEW.clinic_id, NEW.seq, NEW.event_id, NEW.hash);
    RETURN NULL;
END $$;
CREATE FUNCTION audit_check_link() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM audit_chainhead WHERE (clinic_id, seq, event_id, hash)
        = (NEW.clinic_id, NEW.seq, NEW.event_id, NEW.hash);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a link is made by its head' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

-- The context of the act may be over by the time its transaction ends: the chain sets its own, and puts back
-- what it found.
CREATE FUNCTION audit_extend() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    clinic text := current_setting('app.clinic', true);
    scope text := current_setting('app.scope', true);
BEGIN
    PERFORM set_config('app.clinic', NEW.clinic_id::text, true), set_config('app.scope', 'clinic', true);
    UPDATE audit_chainhead SET event_id = NEW.id WHERE clinic_id = NEW.clinic_id;
    IF NOT FOUND THEN
        INSERT INTO audit_chainhead (clinic_id) VALUES (NEW.clinic_id) ON CONFLICT DO NOTHING;
        UPDATE audit_chainhead SET event_id = NEW.id WHERE clinic_id = NEW.clinic_id;
    END IF;
    PERFORM set_config('app.clinic', coalesce(clinic, ''), true), set_config('app.scope', coalesce(scope, ''), true);
    RETURN NULL;
END $$;
