"""
The trail cannot be rewritten, and every event has its place in its clinic's chain.

An event is linked as its transaction ends: a deferred trigger moves the clinic's head on to it. So the lock on
the head is held for the commit alone, and no transaction waits for the trail while it holds a patient's timeline.
"""

from typing import ClassVar

from django.db import migrations

from tracker.lib import rls

# ``audit.chain`` computes the same bytes in Python, on its own, when it verifies.
BYTES = """
CREATE FUNCTION audit_bytes(seq bigint, event audit_auditevent) RETURNS bytea LANGUAGE plpgsql STABLE AS $$
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
"""

CHAIN = """
CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
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
    event audit_auditevent;
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
    reach text := current_setting('app.scope', true);
BEGIN
    PERFORM set_config('app.clinic', NEW.clinic_id::text, true), set_config('app.scope', 'clinic', true);
    UPDATE audit_chainhead SET event_id = NEW.id WHERE clinic_id = NEW.clinic_id;
    IF NOT FOUND THEN
        INSERT INTO audit_chainhead (clinic_id) VALUES (NEW.clinic_id) ON CONFLICT DO NOTHING;
        UPDATE audit_chainhead SET event_id = NEW.id WHERE clinic_id = NEW.clinic_id;
    END IF;
    PERFORM set_config('app.clinic', coalesce(clinic, ''), true), set_config('app.scope', coalesce(reach, ''), true);
    RETURN NULL;
END $$;

CREATE TRIGGER begins_with_nothing BEFORE INSERT ON audit_chainhead
    FOR EACH ROW EXECUTE FUNCTION audit_begin();
CREATE TRIGGER moves_on_by_one BEFORE UPDATE ON audit_chainhead
    FOR EACH ROW EXECUTE FUNCTION audit_advance();
CREATE TRIGGER keeps_its_link AFTER UPDATE ON audit_chainhead
    FOR EACH ROW EXECUTE FUNCTION audit_keep_link();
CREATE TRIGGER made_by_its_head BEFORE INSERT ON audit_chainlink
    FOR EACH ROW EXECUTE FUNCTION audit_check_link();
CREATE CONSTRAINT TRIGGER extends_the_chain AFTER INSERT ON audit_auditevent DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION audit_extend();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_auditevent
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_chainlink
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER never_removed BEFORE DELETE ON audit_chainhead
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON audit_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON audit_chainlink
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON audit_chainhead
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
"""
UNDO_CHAIN = """
DROP TRIGGER never_emptied ON audit_chainhead;
DROP TRIGGER never_emptied ON audit_chainlink;
DROP TRIGGER never_emptied ON audit_auditevent;
DROP TRIGGER never_removed ON audit_chainhead;
DROP TRIGGER append_only ON audit_chainlink;
DROP TRIGGER append_only ON audit_auditevent;
DROP TRIGGER extends_the_chain ON audit_auditevent;
DROP TRIGGER made_by_its_head ON audit_chainlink;
DROP TRIGGER keeps_its_link ON audit_chainhead;
DROP TRIGGER moves_on_by_one ON audit_chainhead;
DROP TRIGGER begins_with_nothing ON audit_chainhead;
DROP FUNCTION audit_extend();
DROP FUNCTION audit_check_link();
DROP FUNCTION audit_keep_link();
DROP FUNCTION audit_advance();
DROP FUNCTION audit_begin();
DROP FUNCTION audit_refuse_change();
"""
ABOUT_SELF = f"patient = {rls.OWN_PATIENT} OR patients @> ARRAY[{rls.OWN_PATIENT}]"
# Ids and hashes only. Anchoring reads the heads of all clinics at once.
HEADS = f"({rls.CLINIC_JOB}) OR {rls.AUDIT_SCOPE}"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("audit", "0001_initial")]
    operations: ClassVar = [
        # Everybody leaves a trace. A patient reads what is about her, the privacy officer what is of the clinic; a
        # clinic's job reads it too, and meets the triggers below if it tries to change it.
        rls.policy_per_command(
            "audit_auditevent",
            read=f"{rls.IN_CLINIC} AND ({ABOUT_SELF} OR {rls.IS_PRIVACY_OFFICER} OR {rls.CLINIC_SCOPE})",
            insert=rls.IN_CLINIC,
            update=rls.CLINIC_JOB,
            delete=rls.CLINIC_JOB,
        ),
        rls.clinic_jobs_write("audit_chainlink", rls.CLINIC_JOB),
        rls.clinic_jobs_write("audit_chainhead", HEADS),
        migrations.RunSQL(BYTES, "DROP FUNCTION audit_bytes(bigint, audit_auditevent)"),
        migrations.RunSQL(CHAIN, UNDO_CHAIN),
    ]
