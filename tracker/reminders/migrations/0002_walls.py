"""Row-level security."""

from typing import ClassVar

from django.db import migrations

from tracker.lib import rls


class Migration(migrations.Migration):
    dependencies: ClassVar = [("reminders", "0001_initial"), ("access", "0002_row_security")]
    operations: ClassVar = [
        rls.by_category("reminders_checkin", "VISITS"),
        rls.same_clinic_fk("reminders_checkin", "staff_member_id", "clinics_staffmember"),
    ]
