"""The trail: who looked, who changed. Text without foreign keys, so that it outlives what it speaks of."""

from django.db import models


class Event(models.Model):
    """One thing that somebody did, or was refused. Append-only: a trigger refuses change and removal."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    clinic_id = models.UUIDField()
    actor = models.CharField(max_length=80)
    action = models.CharField(max_length=64)
    subject = models.CharField(max_length=120)
    patient = models.UUIDField(null=True)
    detail = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["clinic_id", "patient", "-id"], name="audit_by_patient")]
