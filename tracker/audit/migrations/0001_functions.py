"""The functions that triggers of this app's tables call. They stand before the tables."""

from pathlib import Path
from typing import ClassVar

from django.db import migrations

SQL = Path(__file__).parents[1] / "sql"
FUNCTIONS = (SQL / "functions.sql").read_text(encoding="utf-8")
FUNCTIONS_UNDO = """
DROP FUNCTION audit_extend();
DROP FUNCTION audit_check_link();
DROP FUNCTION audit_keep_link();
DROP FUNCTION audit_advance();
DROP FUNCTION audit_begin();
DROP FUNCTION audit_bytes(bigint, record);
DROP FUNCTION append_only();
DROP FUNCTION refuse_change();
"""


class Migration(migrations.Migration):
    initial = True
    dependencies: ClassVar[list[tuple[str, str]]] = []
    operations: ClassVar = [
        migrations.RunSQL(FUNCTIONS, FUNCTIONS_UNDO),
    ]
