"""Answers to a questionnaire, and the scores that the server computes from them."""

from django.db import models

from tracker.access.policy import Category
from tracker.clinics.models import PatientOwned
from tracker.lib.constraints import one_of
from tracker.records.models.base import PatientRecord


class Status(models.TextChoices):
    DRAFT = "DRAFT", "being filled in"
    INCOMPLETE = "INCOMPLETE", "answers are missing or cannot be used"
    COMPLETE = "COMPLETE", "complete"
    AMENDED = "AMENDED", "complete, and changed since it first was"


class Response(PatientRecord):
    """
    The raw answers to one version of an instrument, keyed by linkId; never updated in place.

    ``reported_total`` is what the client believes the total is: kept as reported, never used.
    """

    instrument = models.CharField(max_length=64)
    version = models.CharField(max_length=64)
    status = models.CharField(max_length=16, choices=Status.choices)
    answers = models.JSONField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    reported_total = models.FloatField(null=True)
    category = models.CharField(max_length=12, help_text="that of the instrument (records.categories)")

    class Meta(PatientRecord.Meta):
        constraints = [
            *PatientRecord.Meta.constraints,
            one_of("status", Status, name="response_status_is_known"),
            one_of("category", Category, name="response_category_is_known"),
        ]


class Score(PatientOwned):
    """One number made from a response. It names all it was made with, so it can be made again and compared."""

    id = models.BigAutoField(primary_key=True)
    response_id = models.UUIDField()
    revision = models.PositiveIntegerField()
    measure = models.CharField(max_length=80)
    category = models.CharField(max_length=12)
    instrument = models.CharField(max_length=64)
    version = models.CharField(max_length=64)
    scoring_version = models.CharField(max_length=32)
    value = models.FloatField()
    t = models.FloatField(null=True)
    se = models.FloatField(null=True)
    answered = models.SmallIntegerField()
    items = models.SmallIntegerField()
    prorated = models.BooleanField()
    band = models.CharField(max_length=80, blank=True)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "response_id", "revision", "measure", "scoring_version"],
                name="score_once_per_version",
            ),
            one_of("category", Category, name="score_category_is_known"),
            models.CheckConstraint(
                condition=models.Q(answered__lte=models.F("items")), name="score_answered_up_to_items"
            ),
        ]

    def __str__(self) -> str:
        return f"score/{self.pk}"
