"""Row-level security, and the trigger that keeps former versions."""

from typing import ClassVar

from django.db import migrations

from tracker.lib import walls

KINDS = {
    "records_painentry": "pain",
    "records_dailylog": "daily",
    "records_response": "response",
    "records_medicationuse": "medication_use",
    "records_journalentry": "journal",
}
OTHERS = (
    "records_timeline",
    "records_formerversion",
    "records_journaltext",
    "records_score",
    "records_observation",
    "records_current",
    "records_treatmentsession",
)

# On update and delete only, so that plain inserts pay nothing.
HISTORY = """
CREATE FUNCTION records_keep_former_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO records_formerversion
        (clinic_id, patient_id, kind, record_id, revision, fingerprint, row, replaced_at)
    VALUES (OLD.clinic_id, OLD.patient_id, TG_ARGV[0], OLD.id, OLD.revision, OLD.fingerprint,
            to_jsonb(OLD) - 'fingerprint', now());
    RETURN NULL;
END $$;
CREATE FUNCTION records_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'former versions never change' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON records_formerversion
    FOR EACH ROW EXECUTE FUNCTION records_refuse_change();
CREATE TRIGGER raw_text_never_changes BEFORE UPDATE OR DELETE ON records_journaltext
    FOR EACH ROW EXECUTE FUNCTION records_refuse_change();
"""
UNDO_HISTORY = """
DROP TRIGGER raw_text_never_changes ON records_journaltext;
DROP TRIGGER append_only ON records_formerversion;
DROP FUNCTION records_refuse_change();
DROP FUNCTION records_keep_former_version();
"""


def keep_history(table: str, kind: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"""
        CREATE TRIGGER keep_former_version AFTER UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION records_keep_former_version('{kind}');
        """,
        f"DROP TRIGGER keep_former_version ON {table};",
    )


class Migration(migrations.Migration):
    dependencies: ClassVar = [("records", "0001_initial"), ("people", "0002_walls")]
    operations: ClassVar = [
        *[walls.by_patient(table) for table in (*KINDS, *OTHERS)],
        migrations.RunSQL(HISTORY, UNDO_HISTORY),
        *[keep_history(table, kind) for table, kind in KINDS.items()],
    ]
