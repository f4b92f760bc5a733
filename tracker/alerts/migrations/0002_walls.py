"""Row-level security."""

from typing import ClassVar

from django.db import migrations

from tracker.lib import walls


class Migration(migrations.Migration):
    dependencies: ClassVar = [("alerts", "0001_initial"), ("people", "0002_walls")]
    operations: ClassVar = [walls.by_team("alerts_alert")]
