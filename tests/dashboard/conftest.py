"""Staff at the dashboard: a browser that has signed in, at a known time."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.test import Client

from tests import authenticator, factories

# Fixtures of the tests in a browser.
from tests.dashboard.browsers import browser, chromium, server, site  # noqa: F401
from tests.phone import token_of
from tests.rls_context import as_user
from tracker.accounts import second_factor
from tracker.accounts.models import User
from tracker.clinics.models import Patient
from tracker.dashboard.pages import delivery
from tracker.sync import ingest

# The page is looked at an hour after the answers of Monday morning.
NOW = factories.MONDAY + timedelta(hours=1)


@pytest.fixture(autouse=True)
def unknown_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    """No page has asked yet whether alerts are late."""
    monkeypatch.setattr(delivery, "_known", None)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def sign_in(user: User) -> Client:
    """Sign in without the forms; staff have an authenticator app. ``test_second_factor`` goes the whole way."""
    if second_factor.is_required(user):
        authenticator.add_totp(user)
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = token_of(user)
    return client


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
        with as_user(patient, at) as principal:
            receipt = ingest.apply_batch(principal=principal, sent=None, items=list(items), at=at)
        assert {row["status"] for row in receipt.results} == {"stored"}, receipt.results

    return send


def text(answer: Any) -> str:
    """The words of a page, tags left out and space folded."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())
