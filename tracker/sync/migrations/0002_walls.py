"""Row-level security."""

from typing import ClassVar

from django.db import migrations

from tracker.lib import rls


class Migration(migrations.Migration):
    dependencies: ClassVar = [("sync", "0001_initial"), ("access", "0002_row_security")]
    operations: ClassVar = [rls.patient_only("sync_syncbatch")]
