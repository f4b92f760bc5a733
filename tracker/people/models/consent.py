"""What a patient lets a team see: what stands, how it came to be, and the words it was asked in."""

from django.db import models

from tracker.access.policy import Category
from tracker.accounts.models import User
from tracker.clinics.models import CareTeam, PatientOwned
from tracker.lib.constraints import one_of


class ConsentText(models.Model):
    """A published version of the words in which consent is asked. A trigger refuses to change or remove it."""

    version = models.PositiveIntegerField(primary_key=True)
    content = models.JSONField()
    published_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"consent-text/{self.pk}"


class ConsentChange(PatientOwned):
    """One category given to a team, or withdrawn from it. Append-only; a trigger brings it into ``Consent``."""

    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey(CareTeam, models.PROTECT, related_name="+")
    category = models.CharField(max_length=12)
    given = models.BooleanField()
    text = models.ForeignKey(ConsentText, models.PROTECT, related_name="+")
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            one_of("category", Category, name="consent_category_is_known"),
        ]
        indexes = [models.Index(fields=["patient", "-id"], name="consent_change_by_patient")]

    def __str__(self) -> str:
        return f"consent-change/{self.pk}"


class Consent(PatientOwned):
    """What stands now between a patient and a team. What is not there was never given."""

    pk = models.CompositePrimaryKey("patient_id", "team_id")
    team = models.ForeignKey(CareTeam, models.PROTECT, related_name="+")
    pain = models.BooleanField(default=False)
    mood = models.BooleanField(default=False)
    medication = models.BooleanField(default=False)
    journal = models.BooleanField(default=False)
    visits = models.BooleanField(default=False)
    treatment = models.BooleanField(default=False)

    def categories(self) -> frozenset[Category]:
        """Return what the team may see."""
        return frozenset(category for category in Category if getattr(self, category.lower()))

    def __str__(self) -> str:
        return "consent"
