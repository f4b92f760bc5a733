"""The function that sets the row-security context, and those that triggers call."""

from pathlib import Path
from typing import ClassVar

from django.db import migrations

SQL = Path(__file__).parents[1] / "sql"
SET_CONTEXT = (SQL / "set_context.sql").read_text(encoding="utf-8")
APPLY_CONSENT_CHANGE = (SQL / "apply_consent_change.sql").read_text(encoding="utf-8")
RECORD_CREDENTIAL_CHANGE = (SQL / "record_credential_change.sql").read_text(encoding="utf-8")
RECORD_RELATION_CHANGE = (SQL / "record_relation_change.sql").read_text(encoding="utf-8")
SET_CONTEXT_UNDO = """
DROP FUNCTION access_set_context(uuid, timestamptz, uuid);
"""
APPLY_CONSENT_CHANGE_UNDO = """
DROP FUNCTION access_apply_consent_change();
"""
RECORD_CREDENTIAL_CHANGE_UNDO = """
DROP TRIGGER user_records_credential_change ON accounts_user;
DROP TRIGGER former_email_records_credential_change ON accounts_formeremail;
DROP TRIGGER authenticator_records_credential_change ON mfa_authenticator;
DROP FUNCTION access_record_credential_change();
"""
RECORD_RELATION_CHANGE_UNDO = """
DROP TRIGGER patient_records_relation_change ON clinics_patient;
DROP FUNCTION access_record_relation_change();
"""


class Migration(migrations.Migration):
    initial = True
    dependencies: ClassVar[list[tuple[str, str]]] = [
        ("accounts", "0001_initial"),
        ("audit", "0001_functions"),
        ("clinics", "0002_tables"),
        ("keys", "0001_functions"),
        ("mfa", "0003_authenticator_type_uniq"),
    ]
    operations: ClassVar = [
        migrations.RunSQL(SET_CONTEXT, SET_CONTEXT_UNDO),
        migrations.RunSQL(APPLY_CONSENT_CHANGE, APPLY_CONSENT_CHANGE_UNDO),
        # On tables of lower apps, which know no audit.
        migrations.RunSQL(RECORD_CREDENTIAL_CHANGE, RECORD_CREDENTIAL_CHANGE_UNDO),
        migrations.RunSQL(RECORD_RELATION_CHANGE, RECORD_RELATION_CHANGE_UNDO),
    ]
