"""The owner of a patient's account, and somebody who has her password."""

from datetime import timedelta

import pytest

from tests import factories
from tests.access_control.phones import date_back
from tests.phone import Phone


@pytest.fixture
def phone(world: factories.World) -> Phone:
    """Ada's phone of a year."""
    phone = Phone(world.ada.user)
    date_back(world, phone, timedelta(days=365))
    return phone


@pytest.fixture
def thief(world: factories.World, phone: Phone) -> Phone:
    """Somebody with Ada's password, and a phone that is paired just now."""
    return Phone(world.ada.user)
