"""What the tables promise whoever writes to them: walls, published versions that stay, the licence gate."""

from typing import ClassVar

from django.db import migrations

from tracker.lib import rls

NEVER_CHANGES = migrations.RunSQL(
    """
    CREATE FUNCTION instruments_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'a published version of an instrument never changes: publish a new version'
            USING ERRCODE = 'restrict_violation';
    END $$;
    CREATE TRIGGER never_changes BEFORE UPDATE OR DELETE ON instruments_version
        FOR EACH ROW EXECUTE FUNCTION instruments_refuse_change();
    CREATE TRIGGER never_emptied BEFORE TRUNCATE ON instruments_version
        FOR EACH STATEMENT EXECUTE FUNCTION instruments_refuse_change();
    """,
    """
    DROP TRIGGER never_emptied ON instruments_version;
    DROP TRIGGER never_changes ON instruments_version;
    DROP FUNCTION instruments_refuse_change();
    """,
)

# The content says itself whether its wording may ship; the column must agree with it, and the texts obey.
NO_UNLICENSED_WORDING = migrations.RunSQL(
    """
    ALTER TABLE instruments_version ADD CONSTRAINT version_ships_only_licensed_wording CHECK (
        wording_ships = (content -> 'terms' ->> 'wording_may_ship')::boolean
        AND (
            wording_ships
            OR NOT jsonb_path_exists(content, '$.items[*].text ? (@ != null)')
               AND NOT jsonb_path_exists(content, '$.stem ? (@ != null)')
        )
    );
    """,
    "ALTER TABLE instruments_version DROP CONSTRAINT version_ships_only_licensed_wording;",
)

GATE = migrations.RunSQL(
    """
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
    CREATE TRIGGER needs_licensed_wording BEFORE INSERT OR UPDATE ON instruments_offer
        FOR EACH ROW EXECUTE FUNCTION instruments_refuse_unlicensed();

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
    CREATE TRIGGER kept_while_offered BEFORE UPDATE OR DELETE ON instruments_permission
        FOR EACH ROW EXECUTE FUNCTION instruments_keep_permission();
    """,
    """
    DROP TRIGGER kept_while_offered ON instruments_permission;
    DROP FUNCTION instruments_keep_permission();
    DROP TRIGGER needs_licensed_wording ON instruments_offer;
    DROP FUNCTION instruments_refuse_unlicensed();
    """,
)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("instruments", "0001_initial")]
    operations: ClassVar = [
        rls.clinic_jobs_write("instruments_permission"),
        rls.clinic_jobs_write("instruments_offer"),
        NEVER_CHANGES,
        NO_UNLICENSED_WORDING,
        GATE,
    ]
