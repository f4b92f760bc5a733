"""
The access matrix: every route and method, asked by everybody, about what is theirs, another's and nobody's.

The answers must be those of (``tests.access.expectations``), hold no leak marker of what the caller
may not know, leave other people's records as they were, and never tell somebody else's
resource from one that does not exist.
"""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from tests.access import id_injection, row_snapshot
from tests.access.checks import Checker
from tests.access.requests import asks, few, routes, routes_without_row, rows_without_route
from tracker.alerts import safety_status
from tracker.alerts.models import Heartbeat


@pytest.fixture(autouse=True)
def at_work(db):
    """Worker and watch are at work for as long as it takes: ``/health/safety`` answers 200."""
    for name in (safety_status.WORKER, safety_status.WATCH):
        safety_status.record_heartbeat(name)
    Heartbeat.objects.update(at=Now() + timedelta(hours=1))


def test_every_route_has_a_row_and_every_row_a_route():
    assert routes_without_row() == []
    assert rows_without_route() == []
    assert len(routes()) > 80


def test_a_new_route_without_a_row_is_named(settings):
    settings.ROOT_URLCONF = "tests.access_control.rogue_urls"

    assert any("planted" in route for route in routes_without_row())


def test_twelve_kinds_of_actors_ask_and_the_leak_markers_are_there_to_be_found(scenario):
    assert len(scenario.actors) >= 12
    held = dict.fromkeys(("ada", "bea", "gus"), 0)
    for name in held:
        held[name] = sum(count for _, count, _ in row_snapshot.take(scenario.patients[name]))
    assert min(held.values()) > 20, held


def test_a_part_of_the_matrix_holds(scenario):
    checker = Checker(scenario).check(few(scenario))

    assert not checker.wrong, checker.said()
    assert checker.client.sent > 400


def test_a_part_of_the_injected_ids_changes_nothing(scenario):
    checker = id_injection.check_injection(Checker(scenario), ("cleo",))

    assert not checker.wrong, checker.said()


@pytest.mark.full
def test_the_whole_matrix_holds(scenario):
    checker = Checker(scenario).check(asks(scenario))

    assert not checker.wrong, checker.said()
    assert checker.client.sent >= 5000


@pytest.mark.full
def test_no_injected_id_changes_anything(scenario):
    checker = id_injection.check_injection(Checker(scenario))

    assert not checker.wrong, checker.said()
    assert checker.client.sent >= 1000
