"""What a patient means to do: the one kind of record that is merged field by field."""

from django.db import models

from tracker.clinics.models import PatientOwned
from tracker.lib.constraints import code_or_null, within
from tracker.records import value_sets
from tracker.records.models.base import PatientRecord


class Plan(PatientRecord):
    """
    An intention between sessions: a practice, how often a week, for how long, at what local time of day.

    A plan is no fact but a wish in the making: two devices that edit different fields of it both keep their edit.
    """

    practice = models.CharField(max_length=40)
    per_week = models.SmallIntegerField(null=True)
    minutes = models.SmallIntegerField(null=True)
    remind_at = models.TimeField(null=True)
    paused = models.BooleanField(default=False)

    class Meta(PatientRecord.Meta):
        constraints = [
            *PatientRecord.Meta.constraints,
            code_or_null("practice", value_sets.PRACTICES, name="plan_practice_is_known"),
            within("per_week", 1, 70, name="plan_1_to_70_times_a_week"),
            within("minutes", 1, 600, name="plan_1_to_600_minutes"),
        ]


class MergedEdit(PatientOwned):
    """
    An edit of a plan that was made without knowing of ours, and merged into it.

    ``sent_revision`` and ``fingerprint`` tell when it arrives again, which changes nothing. ``overwritten`` holds the
    values that another edit of the same field had and that this one replaced: the copy that its author is shown.
    """

    db_rights = "append_only"
    id = models.BigAutoField(primary_key=True)
    record_id = models.UUIDField()
    sent_revision = models.PositiveIntegerField()
    fingerprint = models.BinaryField(max_length=32)
    merged_revision = models.PositiveIntegerField()
    overwritten = models.JSONField()
    merged_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "record_id", "fingerprint", "sent_revision"], name="merged_edit_once"
            )
        ]

    def __str__(self) -> str:
        return f"merged-edit/{self.pk}"
