"""Phones that are older than the test."""

from datetime import timedelta

from django.utils import timezone

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.access.models import Device


def date_back(world: factories.World, phone: Phone, age: timedelta) -> None:
    """Make the phone's pairing, and its sign-in, as old as this."""
    at = timezone.now() - age
    with as_clinic(world.clinic.pk):
        Device.objects.filter(id=phone.device).update(paired_at=at, bound_at=at)
