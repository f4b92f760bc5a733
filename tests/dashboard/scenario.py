"""What the browser tests look at: the actors, and one positive safety answer of Ada's."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from django.db import connections, transaction
from django.utils import timezone

from tests import authenticator, factories
from tests.phone import token_of
from tracker.access.principal import load_principal
from tracker.alerts import safety_status
from tracker.lib import rls
from tracker.sync import ingest


@dataclass(frozen=True)
class Site:
    """A running server with a clinic of the test's own; Ben's session is ``token``."""

    url: str
    email: str
    token: str


def site(url: str, database: str) -> Site:
    """
    Commit a new clinic in the database of the server at ``url``.

    In a thread, whose connection leads there: while a browser is open Django refuses this one's.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_site, url, database).result()


def _site(url: str, database: str) -> Site:
    settings = connections["default"].settings_dict
    before, settings["NAME"] = settings["NAME"], database
    try:
        world = _create_scenario()
        return Site(url, world.ben.user.email, token_of(world.ben.user))
    finally:
        connections["default"].close()
        settings["NAME"] = before


def _create_scenario() -> factories.World:
    at = timezone.now()
    with transaction.atomic():
        for name in (safety_status.WORKER, safety_status.WATCH):
            safety_status.record_heartbeat(name)
        world = factories.world()
        assert world.ada.user_id
        principal = load_principal(world.ada.user_id, at)
        days = [at - timedelta(days=n) for n in range(30)]
        logs = [
            factories.record("daily", {"pain_avg": 3 + n % 4, "mood": 5}, recorded_at=day.isoformat())
            for n, day in enumerate(days)
        ]
        positive = factories.phq9(
            [1, 1, 1, 1, 1, 1, 1, 1, 2], recorded_at=(at - timedelta(minutes=3)).isoformat()
        )
        ingest.apply_batch(principal=principal, sent=None, items=[*logs, positive], at=at)
        rls.reset()
        authenticator.add_totp(world.ben.user)
    return world
