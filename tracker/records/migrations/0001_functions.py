"""The functions that the triggers of the record's tables call. They stand before the tables."""

from pathlib import Path
from typing import ClassVar

from django.db import migrations

FUNCTIONS = (Path(__file__).parents[1] / "sql" / "functions.sql").read_text(encoding="utf-8")
UNDO = """
DROP FUNCTION records_insert_access_revocation();
DROP FUNCTION records_keep_former_version();
"""


class Migration(migrations.Migration):
    initial = True
    dependencies: ClassVar = [("access", "0002_tables")]
    operations: ClassVar = [migrations.RunSQL(FUNCTIONS, UNDO)]
