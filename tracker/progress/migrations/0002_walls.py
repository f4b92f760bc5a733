"""Row-level security."""

from typing import ClassVar

from django.db import migrations

from tracker.lib import rls


class Migration(migrations.Migration):
    dependencies: ClassVar = [("progress", "0001_initial"), ("access", "0002_row_security")]
    operations: ClassVar = [
        rls.patient_only("progress_summarystate"),
        rls.visible_to("progress_summary", " AND ".join(rls.shared(each) for each in rls.CATEGORIES)),
    ]
