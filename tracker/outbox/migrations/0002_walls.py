"""Row-level security."""

from typing import ClassVar

from django.db import migrations

from tracker.lib import rls

# An alert's messages are written in its patient's name, and are none of the patient's to read, change or remove.
# Everybody reads and marks their own; what is no longer true is taken back by the clinic's own job.
READERS = f"{rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR recipient_id = {rls.PERSON})"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("outbox", "0001_initial"), ("access", "0002_row_security")]
    operations: ClassVar = [
        rls.policy_per_command(
            "outbox_message", read=READERS, insert=rls.IN_CLINIC, update=READERS, delete=rls.CLINIC_JOB
        )
    ]
