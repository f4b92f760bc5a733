"""The trail cannot be rewritten: not by the application, not by its owner's slip."""

from typing import ClassVar

from django.db import migrations

from tracker.lib import walls


class Migration(migrations.Migration):
    dependencies: ClassVar = [("audit", "0001_initial")]
    operations: ClassVar = [
        # Everybody leaves a trace, nobody reads the trail on their own. A clinic's job that tries to change it
        # meets the triggers below.
        walls.protect_each(
            "audit_event",
            read=walls.CLINIC_JOB,
            insert=walls.CLINIC,
            update=walls.CLINIC_JOB,
            delete=walls.CLINIC_JOB,
        ),
        migrations.RunSQL(
            """
            CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
            END $$;
            CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_event
                FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
            CREATE TRIGGER never_emptied BEFORE TRUNCATE ON audit_event
                FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
            """,
            """
            DROP TRIGGER never_emptied ON audit_event;
            DROP TRIGGER append_only ON audit_event;
            DROP FUNCTION audit_refuse_change();
            """,
        ),
    ]
