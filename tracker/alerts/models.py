"""Alerts: rule, level, source, when raised and who acknowledged."""

import uuid
from typing import Self

from django.db import models
from django.db.models import Q

from tracker.accounts.models import User
from tracker.clinics.models import PatientOwned
from tracker.clinics.rls import team_only
from tracker.lib.constraints import all_or_none, one_of
from tracker.lib.table_rights import TableRights


class AlertQuerySet(models.QuerySet["Alert"]):
    """Alerts, narrowed in words of the domain. Row security narrows them to the principal's patients."""

    def open(self) -> Self:
        return self.filter(acknowledged_at__isnull=True)


class Level(models.TextChoices):
    EMERGENCY = "EMERGENCY", "emergency"
    URGENT = "URGENT", "urgent"
    HIGH = "HIGH", "high"
    REVIEW = "REVIEW", "review"


class Heartbeat(models.Model):
    """
    When the worker and the watch last showed that they are at work (``alerts.safety_status``).

    The watch, which goes through every clinic, notes since when the oldest unsent message is due.
    """

    name = models.CharField(primary_key=True, max_length=8)
    at = models.DateTimeField()
    oldest_due_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"heartbeat/{self.pk}"


class Alert(PatientOwned):
    """
    An answer that a clinician must see, and whether one has.

    It was written in the transaction of the answer. ``answered_at`` is the patient's time of the answer,
    ``raised_at`` the server's: timers run from the latter, so an old or future phone clock delays nothing.
    """

    db_rights = TableRights(fixed=("rule",))
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    rule = models.CharField(max_length=64)
    rule_version = models.SmallIntegerField(default=1)
    level = models.CharField(max_length=12, choices=Level.choices)
    source_kind = models.CharField(max_length=32)
    source_id = models.UUIDField()
    value = models.FloatField(null=True, help_text="the worst answer so far; none for a yes or a tier")
    raise_count = models.SmallIntegerField(
        default=1, help_text="how often it was raised: again when the answer got worse"
    )
    answer_stored = models.BooleanField(
        default=True, help_text="false: the record could not be stored as sent"
    )
    is_historical = models.BooleanField(
        default=False, help_text="the answer was older than 7 days on arrival"
    )
    answered_at = models.DateTimeField()
    answered_on = models.DateField(help_text="the patient's local day of the answer, where they were then")
    raised_at = models.DateTimeField()
    escalation_step = models.SmallIntegerField(default=0)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = AlertQuerySet.as_manager()

    class Meta:
        constraints = [
            *team_only(),
            models.UniqueConstraint(
                fields=["patient", "rule", "source_id"], name="alert_once_per_rule_and_answer"
            ),
            all_or_none("acknowledged_at", "acknowledged_by", name="alert_acknowledged_at_and_by"),
            one_of("level", Level, name="alert_level_is_known"),
        ]
        indexes = [
            models.Index(
                fields=["clinic_id", "patient"], condition=Q(acknowledged_at__isnull=True), name="alert_open"
            )
        ]

    def __str__(self) -> str:
        return f"alert/{self.pk}"
