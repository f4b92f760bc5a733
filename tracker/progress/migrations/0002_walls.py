"""Row-level security."""

from typing import ClassVar

from django.db import migrations

from tracker.lib import walls


class Migration(migrations.Migration):
    dependencies: ClassVar = [("progress", "0001_initial"), ("people", "0002_walls")]
    operations: ClassVar = [
        walls.own("progress_progress"),
        walls.seen_by("progress_summary", " AND ".join(walls.shared(each) for each in walls.CATEGORIES)),
    ]
