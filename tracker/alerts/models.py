"""Alerts: rule, level, source, when raised and who acknowledged."""

import uuid
from typing import Self

from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import F, OuterRef, Q

from tracker.accounts.models import User
from tracker.clinics.models import PatientOwned
from tracker.clinics.rls import team_only
from tracker.lib.constraints import all_or_none, one_of
from tracker.lib.table_constraints import CompositeForeignKey
from tracker.lib.table_rights import TableRights


class AlertQuerySet(models.QuerySet["Alert"]):
    """Alerts, narrowed in words of the domain. Row security narrows them to the principal's patients."""

    def open(self) -> Self:
        """What waits for somebody: one alert per patient and rule, with the answers that have joined it."""
        return self.filter(acknowledged_at__isnull=True, leader__isnull=True)

    def with_reporters(self) -> Self:
        """Say of each which caregivers (their users) gave answers that it holds (``reporters``)."""
        answers = self.model._default_manager.filter(
            Q(pk=OuterRef("pk")) | Q(leader=OuterRef("pk")), reported_by__isnull=False
        ).order_by()
        return self.annotate(reporters=ArraySubquery(answers.values("reported_by").distinct()))


class Level(models.TextChoices):
    EMERGENCY = "EMERGENCY", "emergency"
    URGENT = "URGENT", "urgent"
    HIGH = "HIGH", "high"
    REVIEW = "REVIEW", "review"


class Heartbeat(models.Model):
    """
    When the worker and the watch last showed that they are at work (``alerts.safety_status``), and when a web process
    last proved that it can write (``alerts.write_probe``).

    The watch, which goes through every clinic, notes since when the oldest unsent message is due.
    """

    name = models.CharField(primary_key=True, max_length=8)
    at = models.DateTimeField()
    oldest_due_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"heartbeat/{self.pk}"


class UnreadWrites(models.Model):
    """How many refused requests of patients could not be read within an hour (``alerts.unread_writes``)."""

    starts_at = models.DateTimeField(primary_key=True)
    count = models.IntegerField()

    def __str__(self) -> str:
        return "unread-writes"


class Alert(PatientOwned):
    """
    An answer that a clinician must see, and whether one has.

    It was written in the transaction of the answer. ``answered_at`` is the patient's time of the answer,
    ``raised_at`` the server's: timers run from the latter, so an old or future phone clock delays nothing.

    Every answer has a row. While an alert of the patient and the rule is open, further answers join it: their rows name
    it as ``leader``, and pages, messages and escalation deal with the leader alone (decision 0009). A further version
    of an answer has the answer's row: one that was acknowledged is opened again, and the audit keeps who had taken it.
    """

    db_rights = TableRights(fixed=("rule",))
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    rule = models.CharField(max_length=64)
    rule_version = models.SmallIntegerField(default=1)
    level = models.CharField(max_length=12, choices=Level.choices)
    source_kind = models.CharField(max_length=32)
    source_id = models.UUIDField()
    value = models.FloatField(null=True, help_text="the worst answer so far; none for a yes or a tier")
    raise_count = models.IntegerField(default=1, help_text="how often it was told anew, escalation apart")
    leader = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="+", db_constraint=False, db_index=False
    )
    place = models.IntegerField(default=1, help_text="1 is the leader, then the answers that have joined it")
    answer_count = models.IntegerField(
        default=1, help_text="of a leader: its answers, its own among them, versions not counted"
    )
    version = models.IntegerField(
        default=1,
        help_text="grows with each further version of its answer; of a leader: of any of its answers",
    )
    newest_answered_at = models.DateTimeField(
        help_text="of a leader: of its newest answer, a current one if any is"
    )
    newest_raised_at = models.DateTimeField(help_text="of a leader: when that answer arrived")
    notified_at = models.DateTimeField(help_text="of a leader: when it was last told anew")
    versions = models.TextField(
        default="", help_text="fingerprints of the answer's versions that have alerted, the newest last"
    )
    answer_stored = models.BooleanField(
        default=True, help_text="false: the record could not be stored as sent"
    )
    is_historical = models.BooleanField(
        default=False, help_text="older than 7 days on arrival; of a leader: as all its answers were"
    )
    reported_by = models.ForeignKey(
        User,
        models.PROTECT,
        null=True,
        related_name="+",
        help_text="the caregiver who gave the answer; none: the patient",
    )
    answered_at = models.DateTimeField()
    answered_on = models.DateField(help_text="the patient's local day of the answer, where they were then")
    raised_at = models.DateTimeField()
    escalation_step = models.SmallIntegerField(default=0)
    escalation_began_at = models.DateTimeField(
        help_text="of a leader: its steps run from here, its first answer's receipt, or that of the first current one"
    )
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = AlertQuerySet.as_manager()

    class Meta:
        constraints = [
            *team_only(),
            models.UniqueConstraint(
                fields=["patient", "rule", "source_id"], name="alert_once_per_rule_and_answer"
            ),
            models.UniqueConstraint(
                fields=["patient", "rule"],
                condition=Q(acknowledged_at__isnull=True, leader__isnull=True),
                name="alert_one_open_per_patient_and_rule",
            ),
            models.UniqueConstraint(fields=["clinic_id", "patient", "id"], name="alert_of_one_patient"),
            CompositeForeignKey(
                name="alert_leader_is_of_the_same_patient",
                columns=["clinic_id", "patient_id", "leader_id"],
                to_table="alerts_alert",
                to_columns=["clinic_id", "patient_id", "id"],
            ),
            models.CheckConstraint(
                condition=Q(leader__isnull=True) | (Q(place__gt=1) & ~Q(leader=F("id"))),
                name="alert_that_joined_has_another_leader",
            ),
            models.CheckConstraint(
                condition=Q(place__gte=1, answer_count__gte=1), name="alert_counts_from_one"
            ),
            all_or_none("acknowledged_at", "acknowledged_by", name="alert_acknowledged_at_and_by"),
            one_of("level", Level, name="alert_level_is_known"),
        ]
        indexes = [
            models.Index(
                fields=["clinic_id", "patient"],
                condition=Q(acknowledged_at__isnull=True, leader__isnull=True),
                name="alert_open",
            ),
            models.Index(fields=["leader", "place"], condition=Q(leader__isnull=False), name="alert_joined"),
        ]

    def __str__(self) -> str:
        return f"alert/{self.pk}"
