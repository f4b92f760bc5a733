"""Who else may see one patient: a caregiver whom the patient chose, a clinician who broke the glass."""

import uuid
from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from tracker.access.policy import Category
from tracker.accounts.models import User
from tracker.clinics.models import DatedQuerySet, PatientOwned, StaffMember
from tracker.keys.models import EncryptedText
from tracker.lib.constraints import ordered

MAX_DURATION = timedelta(minutes=60)


class Caregiver(PatientOwned):
    """Somebody to whom the patient shows some categories, to read, from when to when."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    categories = ArrayField(models.CharField(max_length=12))
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    objects = DatedQuerySet.as_manager()

    class Meta:
        constraints = [
            ordered("starts_at", "ends_at", name="caregiver_starts_before_the_end"),
            models.CheckConstraint(
                condition=Q(categories__contained_by=list(Category)) & ~Q(categories=[]),
                name="caregiver_categories_are_known",
            ),
            models.UniqueConstraint(
                fields=["patient", "user"], condition=Q(ends_at__isnull=True), name="caregiver_once_at_a_time"
            ),
        ]
        indexes = [models.Index(fields=["patient", "starts_at"], name="caregiver_by_patient")]

    def __str__(self) -> str:
        return f"caregiver/{self.pk}"


class BreakGlassAccess(PatientOwned):
    """
    A clinician opened one patient's chart without being on the team, or beyond what is shared, and said why.

    It ends by itself at ``ends_at``, within 60 minutes.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    staff_member = models.ForeignKey(StaffMember, models.PROTECT, related_name="+")
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    begun_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gte=F("begun_at")) & Q(ends_at__lte=F("begun_at") + MAX_DURATION),
                name="broken_glass_holds_60_minutes_at_most",
            ),
            models.UniqueConstraint(fields=["clinic_id", "id"], name="broken_glass_of_clinic"),
        ]
        indexes = [
            models.Index(fields=["user", "-ends_at"], name="broken_glass_by_user"),
            models.Index(fields=["patient", "-begun_at"], name="broken_glass_by_patient"),
        ]

    def __str__(self) -> str:
        return f"break-glass/{self.pk}"


class BreakGlassReason(EncryptedText):
    """Why the glass was broken, in the clinician's words, sealed under the patient's own key."""

    pk = models.CompositePrimaryKey("patient_id", "glass_id")
    glass = models.OneToOneField(BreakGlassAccess, models.PROTECT, related_name="+")

    KEY_FIELDS = ("glass_id",)

    def __str__(self) -> str:
        return f"break-glass-reason/{self.glass_id}"
