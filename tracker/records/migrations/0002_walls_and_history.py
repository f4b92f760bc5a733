"""Row-level security of the record's tables, and the triggers that keep former versions."""

from pathlib import Path
from typing import ClassVar

from django.db import migrations

SQL = (Path(__file__).parents[1] / "sql" / "rls_and_history.sql").read_text(encoding="utf-8")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("records", "0001_initial"), ("access", "0002_tables")]
    operations: ClassVar = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
