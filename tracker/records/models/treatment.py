"""Treatment sessions, recorded by staff."""

import uuid

from django.db import models

from tracker.accounts.models import User
from tracker.clinics.models import PatientOwned
from tracker.lib.constraints import one_of, within


class Route(models.TextChoices):
    IV_INFUSION = "IV_INFUSION", "IV infusion"
    IM = "IM", "intramuscular"
    SC = "SC", "subcutaneous"
    ORAL = "ORAL", "oral"
    SUBLINGUAL = "SUBLINGUAL", "sublingual"
    NASAL_RACEMIC = "NASAL_RACEMIC", "nasal spray, compounded"
    NASAL_ESKETAMINE = "NASAL_ESKETAMINE", "nasal spray, esketamine"
    RECTAL = "RECTAL", "rectal"


class TreatmentSession(PatientOwned):
    """
    One administration of ketamine or esketamine: when, by which route, how much.

    The dose is kept as entered, in mg. Nothing derives one route's dose from another's.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    starts_at = models.DateTimeField()
    time_zone = models.CharField(max_length=64)
    local_date = models.DateField()
    route = models.CharField(max_length=20, choices=Route.choices)
    dose_mg = models.DecimalField(max_digits=7, decimal_places=2)
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            one_of("route", Route, name="session_route_is_known"),
            within("dose_mg", 0, 2000, name="session_dose_up_to_2000_mg"),
        ]
        indexes = [models.Index(fields=["patient", "local_date"], name="session_by_day")]

    def __str__(self) -> str:
        return f"treatment-session/{self.pk}"
