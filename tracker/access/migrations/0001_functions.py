"""The function that sets the row-security context, and those that triggers of this app's tables call."""

from pathlib import Path
from typing import ClassVar

from django.db import migrations

SQL = Path(__file__).parents[1] / "sql"
SET_CONTEXT = (SQL / "set_context.sql").read_text(encoding="utf-8")
APPLY_CONSENT_CHANGE = (SQL / "apply_consent_change.sql").read_text(encoding="utf-8")
SET_CONTEXT_UNDO = """
DROP FUNCTION access_set_context(uuid, timestamptz, uuid);
"""
APPLY_CONSENT_CHANGE_UNDO = """
DROP FUNCTION access_apply_consent_change();
"""


class Migration(migrations.Migration):
    initial = True
    dependencies: ClassVar[list[tuple[str, str]]] = [("audit", "0001_functions"), ("keys", "0001_functions")]
    operations: ClassVar = [
        migrations.RunSQL(SET_CONTEXT, SET_CONTEXT_UNDO),
        migrations.RunSQL(APPLY_CONSENT_CHANGE, APPLY_CONSENT_CHANGE_UNDO),
    ]
