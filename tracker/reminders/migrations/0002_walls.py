"""Row-level security."""

from typing import ClassVar

from django.db import migrations

from tracker.lib import walls


class Migration(migrations.Migration):
    dependencies: ClassVar = [("reminders", "0001_initial"), ("people", "0002_walls")]
    operations: ClassVar = [
        walls.of_category("reminders_checkin", "VISITS"),
        walls.same_clinic("reminders_checkin", "staff_member_id", "people_staffmember"),
    ]
