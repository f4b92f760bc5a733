"""Who is asked in: the one way to an account."""

import uuid
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q

from tracker.accounts.models import User
from tracker.clinics.models import CareTeam, ClinicOwned, Patient, Role
from tracker.lib.constraints import all_or_none, ordered, within

# So many wrong dates of birth, and the invitation is dead: a date is soon guessed.
MAX_ATTEMPTS = 5


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Invitations, narrowed in words of the domain."""

    def open(self, at: datetime) -> Self:
        return self.filter(
            used_at__isnull=True,
            withdrawn_at__isnull=True,
            expires_at__gt=at,
            failed_attempts__lt=MAX_ATTEMPTS,
        )


class Invitation(ClinicOwned):
    """
    A clinic asks one person in, as a patient that it has enrolled or as a member of its staff.

    ``code`` is a keyed hash: what was handed over stands nowhere. It works once, and until ``expires_at``.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    code = models.BinaryField(max_length=32)
    invited_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    patient = models.ForeignKey(Patient, models.PROTECT, null=True, db_constraint=False, related_name="+")
    role = models.CharField(max_length=16, blank=True)
    name = models.CharField(max_length=120, blank=True)
    care_team = models.ForeignKey(CareTeam, models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    failed_attempts = models.SmallIntegerField(default=0)
    used_at = models.DateTimeField(null=True)
    used_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    withdrawn_at = models.DateTimeField(null=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["code"], name="invitation_code_is_given_once"),
            models.CheckConstraint(
                condition=Q(patient__isnull=False, role="", name="")
                | Q(patient__isnull=True, role__in=Role.values, name__gt=""),
                name="invitation_is_for_a_patient_or_for_staff",
            ),
            all_or_none("used_at", "used_by", name="invitation_used_at_and_by"),
            within("failed_attempts", 0, MAX_ATTEMPTS, name="invitation_failed_attempts_0_to_5"),
            ordered("made_at", "expires_at", name="invitation_made_before_it_expires"),
        ]

    def __str__(self) -> str:
        return f"invitation/{self.pk}"
