"""The functions that triggers of this app's tables call. They stand before the tables."""

from pathlib import Path
from typing import ClassVar

from django.db import migrations

SQL = Path(__file__).parents[1] / "sql"
FUNCTIONS = (SQL / "functions.sql").read_text(encoding="utf-8")
FUNCTIONS_UNDO = """
DROP FUNCTION instruments_keep_permission();
DROP FUNCTION instruments_refuse_unlicensed();
"""


class Migration(migrations.Migration):
    initial = True
    dependencies: ClassVar[list[tuple[str, str]]] = [("audit", "0001_functions")]
    operations: ClassVar = [
        migrations.RunSQL(FUNCTIONS, FUNCTIONS_UNDO),
    ]
