"""Staff at the dashboard: a browser that has signed in through the real form, at a known time."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import transaction
from django.test import Client

from tests import authenticator, factories
from tracker.access.principal import load_principal
from tracker.accounts import second_factor
from tracker.accounts.models import User
from tracker.clinics.models import Patient
from tracker.lib import rls
from tracker.sync import ingest

# The page is looked at an hour after the answers of Monday morning.
NOW = factories.MONDAY + timedelta(hours=1)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def sign_in(user: User) -> Client:
    """Sign in through the real forms: staff show a code of their authenticator app."""
    browser = Client()
    if second_factor.is_required(user):
        authenticator.add_totp(user)
    rls.reset()
    answer = browser.post("/accounts/login/", {"login": user.email, "password": factories.PASSWORD})
    assert answer.status_code == 302, answer.content
    if answer["Location"] == "/accounts/2fa/authenticate/":
        cache.clear()  # a code is good for one sign-in, and the clock may stand still
        answer = browser.post(answer["Location"], {"code": authenticator.totp_code()})
        assert answer.status_code == 302, answer.content
    return browser


@pytest.fixture
def ben(world: factories.World, clock: time_machine.Traveller) -> Client:
    """The browser of Ben, a clinician on Ada's team."""
    return sign_in(world.ben.user)


@pytest.fixture
def cleo(world: factories.World, clock: time_machine.Traveller) -> Client:
    """The browser of Cleo, a clinician of the same clinic but of another team."""
    return sign_in(world.cleo.user)


@pytest.fixture
def send() -> Callable[..., None]:
    """Let a patient's phone send records, received at ``at``."""

    def send(patient: Patient, *items: dict[str, Any], at: datetime = NOW) -> None:
        with transaction.atomic():
            assert patient.user_id
            principal = load_principal(patient.user_id, at)
            receipt = ingest.apply_batch(principal=principal, sent=None, items=list(items), at=at)
            rls.reset()
        assert {row["status"] for row in receipt.results} == {"stored"}, receipt.results

    return send


def text(answer: Any) -> str:
    """The words of a page, tags left out and space folded."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())
