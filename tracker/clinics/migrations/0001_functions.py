"""The functions that triggers of this app's tables call. They stand before the tables."""

from pathlib import Path
from typing import ClassVar

from django.db import migrations

SQL = Path(__file__).parents[1] / "sql"
FUNCTIONS = (SQL / "functions.sql").read_text(encoding="utf-8")
FUNCTIONS_UNDO = """
DROP FUNCTION clinics_require_approval();
DROP FUNCTION clinics_keep_fallback_of_user();
DROP FUNCTION clinics_keep_fallback_of_staff();
DROP FUNCTION clinics_keep_fallback_of_clinic();
DROP FUNCTION clinics_refuse_without_fallback(uuid);
"""


class Migration(migrations.Migration):
    initial = True
    dependencies: ClassVar[list[tuple[str, str]]] = []
    operations: ClassVar = [
        migrations.RunSQL(FUNCTIONS, FUNCTIONS_UNDO),
    ]
