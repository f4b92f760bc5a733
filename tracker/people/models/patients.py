"""Patients and their phones."""

import uuid

from django.db import models
from django.db.models import Q

from tracker.accounts.models import User
from tracker.clinics.models import CareTeam, ClinicOwned, StaffMember
from tracker.lib.constraints import ordered


class Patient(ClinicOwned):
    """
    Somebody in care. ``zone`` is where they live now; every record keeps the zone it was made in.

    ``user`` is empty until they have accepted their invitation: the clinic enrols, the person signs in.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(User, models.PROTECT, null=True, related_name="patient")
    care_team = models.ForeignKey(CareTeam, models.PROTECT, related_name="patients")
    primary_clinician = models.ForeignKey(StaffMember, models.PROTECT, null=True, related_name="+")
    name = models.CharField(max_length=120)
    born_on = models.DateField(null=True)
    zone = models.CharField(max_length=64)
    enrolled_on = models.DateField()
    left_on = models.DateField(null=True)
    alert_opened_to_clinic_at = models.DateTimeField(
        null=True, help_text="since when everybody clinical is asked about an alert that nobody has taken on"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic_id", "id"], name="patient_of_clinic"),
            ordered("enrolled_on", "left_on", name="patient_enrols_before_leaving"),
        ]
        indexes = [
            models.Index(fields=["care_team"], name="patient_by_team"),
            models.Index(
                fields=["clinic_id"],
                condition=Q(alert_opened_to_clinic_at__isnull=False),
                name="patient_asked_of_all",
            ),
        ]

    def __str__(self) -> str:
        return f"patient/{self.pk}"


class PatientOwned(ClinicOwned):
    """A row about one patient. The database ties ``clinic_id`` and ``patient`` together (``lib.rls``)."""

    patient = models.ForeignKey(
        Patient, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )

    class Meta:
        abstract = True


class Device(PatientOwned):
    """
    A patient's phone. Its id is made on the phone, so it is unique per patient, never globally.

    What its owner calls it is sealed (``models.keys.DeviceLabel``).
    """

    pk = models.CompositePrimaryKey("patient_id", "id")
    id = models.UUIDField()
    paired_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)
