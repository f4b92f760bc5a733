"""A right that is withdrawn stays withdrawn, whatever was under way in that moment: real transactions, interleaved."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_clinic
from tests.servers import wait_until
from tracker.access.models import Consent
from tracker.access.policy import EVERYTHING, Category

_WAITS_FOR_US = """
SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))
"""


def during(withdraw: Callable[[], object], act: Callable[[], Any]) -> Any:
    """
    Withdraw; begin ``act`` before that is committed; commit once it waits for us or is over. Return its answer.
    """
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(act())
        except Exception as problem:
            outcome.append(problem)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    with transaction.atomic():
        withdraw()
        thread.start()
        wait_until(lambda: _someone_waits() or not thread.is_alive(), what="the other transaction")
    thread.join(30)
    return outcome[0]


def _someone_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_WAITS_FOR_US)
        return bool(cursor.fetchone()[0])


def signed_in(world: factories.World, ago: timedelta) -> Phone:
    """Ada's phone, on which she proved who she is so long ago."""
    with time_machine.travel(timezone.now() - ago):
        return Phone(world.ada.user)


def sharing(world: factories.World, *categories: Category, **more: Any) -> dict[str, Any]:
    named = [category.lower() for category in categories]
    return {"text_version": 1, "teams": [{"team": str(world.team.pk), "categories": named}]} | more


def shared(world: factories.World) -> frozenset[Category]:
    with as_clinic(world.clinic.pk):
        return Consent.objects.get(patient=world.ada, team=world.team).categories()


@pytest.mark.parametrize("minutes", [0, 6])
def test_a_withdrawn_consent_is_not_restored_by_a_phone_that_repeats_the_former_sharing(live, minutes):
    world = live.world
    phone = signed_in(world, timedelta(minutes=minutes))

    answer = during(
        lambda: factories.share(world.ada, world.team, [], timezone.now()),
        lambda: phone.call("PUT", "me/consents", sharing(world, *EVERYTHING)),
    )

    assert shared(world) == frozenset()
    assert (answer.status_code, answer.json()["code"]) == (409, "consents_changed")
