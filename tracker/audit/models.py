"""Audit events and their hash chain: who looked, who changed. Without foreign keys: they outlive what they name."""

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from tracker.lib.constraints import one_of

# What belongs to no clinic, such as a sign-in that failed, stands in a chain of its own.
SYSTEM = UUID(int=0)


class Result(models.TextChoices):
    DONE = "DONE", "done"
    REFUSED = "REFUSED", "refused"


class AuditEvent(models.Model):
    """
    One thing that somebody did, or was refused. Append-only: a trigger refuses change and removal.

    It names people, patients and rows by id and holds no health value. ``patients`` are those that a list
    showed; ``patient`` is the one that a page or a record is about. ``detail`` holds ids and counts.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    clinic_id = models.UUIDField()
    actor = models.CharField(max_length=80)
    on_behalf_of = models.CharField(max_length=80, default="")
    action = models.CharField(max_length=64)
    kind = models.CharField(max_length=64, default="")
    subject = models.CharField(max_length=120)
    patient = models.UUIDField(null=True)
    patients = ArrayField(models.UUIDField(), null=True)
    purpose = models.CharField(max_length=120, default="")
    device = models.CharField(max_length=40, default="")
    request = models.CharField(max_length=64, default="")
    result = models.CharField(max_length=8, choices=Result.choices, default=Result.DONE)
    detail = models.JSONField(default=dict)

    class Meta:
        constraints = [one_of("result", Result, name="event_result_is_known")]
        indexes = [
            models.Index(fields=["clinic_id", "patient", "-id"], name="audit_by_patient"),
            GinIndex(
                fields=["patients"], condition=Q(patients__isnull=False), name="audit_by_patient_in_list"
            ),
        ]

    def __str__(self) -> str:
        return f"event/{self.pk}"


class ChainLink(models.Model):
    """
    The place of an event in its clinic's chain: numbers without a gap, each hash made from the one before.

    The trigger ``audit_extend`` writes it at the end of the event's own transaction; nobody else can.
    """

    pk = models.CompositePrimaryKey("clinic_id", "seq")
    clinic_id = models.UUIDField()
    seq = models.BigIntegerField()
    event_id = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["event_id"], name="event_linked_once")]


class ChainHead(models.Model):
    """The end of a clinic's chain. Its lock, taken as the transaction ends, puts the clinic's events in line."""

    clinic_id = models.UUIDField(primary_key=True)
    seq = models.BigIntegerField()
    event_id = models.BigIntegerField(null=True)
    hash = models.BinaryField(max_length=32)
    moved_at = models.DateTimeField()
