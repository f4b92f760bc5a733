"""Row-level security, and the trigger that keeps former versions."""

from typing import ClassVar

from django.db import migrations

from tracker.lib import rls
from tracker.keys import encrypted_table

# Table to the kind's name, and to the category of all its rows; a response names its own.
KINDS = {
    "records_painentry": ("pain", "PAIN"),
    "records_dailylog": ("daily", "MOOD"),
    "records_response": ("response", ""),
    "records_medicationuse": ("medication_use", "MEDICATION"),
    "records_journalentry": ("journal", "JOURNAL"),
    "records_practiceentry": ("practice", "MOOD"),
    "records_sleepentry": ("sleep", "MOOD"),
    "records_sideeffects": ("side_effects", "MEDICATION"),
    "records_vitals": ("vitals", "TREATMENT"),
    "records_plan": ("plan", "MOOD"),
}
OF_ONE_CATEGORY = {
    "records_painentry": "PAIN",
    "records_dailylog": "MOOD",
    "records_medicationuse": "MEDICATION",
    "records_treatmentsession": "TREATMENT",
    "records_practiceentry": "MOOD",
    "records_sleepentry": "MOOD",
    "records_sideeffects": "MEDICATION",
    "records_vitals": "TREATMENT",
    "records_plan": "MOOD",
    "records_mergededit": "MOOD",
    "records_accessrevocation": "JOURNAL",
}
BY_CATEGORY = ("records_response", "records_score", "records_observation", "records_measurestate")

# A page of the journal is its writer's alone until it is shared, and so are all its former versions.
OWN = f"patient_id = {rls.OWN_PATIENT}"
JOURNAL = rls.shared("JOURNAL")
SHARED_PAGE = f"{OWN} OR ({JOURNAL} AND share = 'ENTRY')"
SHARED_TEXT = f"""{OWN} OR ({JOURNAL} AND EXISTS (
    SELECT 1 FROM records_journalentry page WHERE page.patient_id = records_journaltext.patient_id
        AND page.id = records_journaltext.entry_id AND page.revision = records_journaltext.revision
))"""
SHARED_VERSION = f"{OWN} OR (kind <> 'journal' AND {rls.SHARED_BY_ROW})"

# On update and delete only, so that plain inserts pay nothing.
HISTORY = """
CREATE FUNCTION records_keep_former_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO records_formerversion
        (clinic_id, patient_id, kind, category, record_id, revision, fingerprint, row, replaced_at)
    VALUES (OLD.clinic_id, OLD.patient_id, TG_ARGV[0],
            coalesce(to_jsonb(OLD) ->> 'category', TG_ARGV[1]), OLD.id, OLD.revision, OLD.fingerprint,
            to_jsonb(OLD) - 'fingerprint', now());
    RETURN NULL;
END $$;
CREATE FUNCTION records_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'former versions never change' USING ERRCODE = 'insufficient_privilege';
END $$;
-- Who has a copy of a page is told when it is shared no more.
CREATE FUNCTION records_insert_access_revocation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO records_accessrevocation (clinic_id, patient_id, record_id, sequence)
        VALUES (NEW.clinic_id, NEW.patient_id, NEW.id, NEW.sequence);
    RETURN NULL;
END $$;
CREATE TRIGGER insert_access_revocation AFTER UPDATE ON records_journalentry
    FOR EACH ROW WHEN (OLD.share = 'ENTRY' AND NEW.share <> 'ENTRY') EXECUTE FUNCTION records_insert_access_revocation();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON records_accessrevocation
    FOR EACH ROW EXECUTE FUNCTION records_refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON records_formerversion
    FOR EACH ROW EXECUTE FUNCTION records_refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON records_mergededit
    FOR EACH ROW EXECUTE FUNCTION records_refuse_change();
"""
UNDO_HISTORY = """
DROP TRIGGER append_only ON records_accessrevocation;
DROP TRIGGER insert_access_revocation ON records_journalentry;
DROP FUNCTION records_insert_access_revocation();
DROP TRIGGER append_only ON records_mergededit;
DROP TRIGGER append_only ON records_formerversion;
DROP FUNCTION records_refuse_change();
DROP FUNCTION records_keep_former_version();
"""


def keep_history(table: str, kind: str, category: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"""
        CREATE TRIGGER keep_former_version AFTER UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION records_keep_former_version('{kind}', '{category}');
        """,
        f"DROP TRIGGER keep_former_version ON {table};",
    )


class Migration(migrations.Migration):
    dependencies: ClassVar = [("records", "0001_initial"), ("access", "0002_row_security")]
    operations: ClassVar = [
        *[rls.by_category(table, category) for table, category in OF_ONE_CATEGORY.items()],
        *[rls.by_row_category(table) for table in BY_CATEGORY],
        rls.patient_only("records_changecounter"),
        rls.visible_to("records_journalentry", SHARED_PAGE),
        rls.visible_to("records_journaltext", SHARED_TEXT),
        rls.visible_to("records_formerversion", SHARED_VERSION),
        migrations.RunSQL(HISTORY, UNDO_HISTORY),
        encrypted_table.encrypted_table("records_journaltext"),
        *[keep_history(table, *kind) for table, kind in KINDS.items()],
    ]
