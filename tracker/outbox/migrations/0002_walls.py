"""Row-level security."""

from typing import ClassVar

from django.db import migrations

from tracker.lib import walls

# An alert's messages are written in its patient's name, and are none of the patient's to read, change or remove.
# Everybody reads and marks their own; what is no longer true is taken back by the clinic's own job.
READERS = f"{walls.CLINIC} AND ({walls.WHOLE_CLINIC} OR recipient_id = {walls.PERSON})"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("outbox", "0001_initial"), ("people", "0002_walls")]
    operations: ClassVar = [
        walls.protect_each(
            "outbox_message", read=READERS, insert=walls.CLINIC, update=READERS, delete=walls.CLINIC_JOB
        )
    ]
