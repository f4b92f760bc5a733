"""What thousands of readings by one device on one day cost grows with their number, and not with its square."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.clinics.models import Patient
from tracker.dashboard.pages import patient as patient_page
from tracker.progress import actions

WATCH = {"device": "watch", "app": "Health", "who": "device"}
DAY = factories.MONDAY.date()


def readings(count: int) -> list[dict[str, Any]]:
    """Entries that a watch made, ten seconds apart."""
    return [
        factories.pain(
            n % 11, source=WATCH, recorded_at=(factories.MONDAY + timedelta(seconds=10 * n)).isoformat()
        )
        for n in range(count)
    ]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def rows_visited(act: Callable[[], Any]) -> float:
    """The rows that the statements about observations went through, as PostgreSQL counts them."""
    total = 0.0

    def explain(execute: Any, statement: str, values: Any, many: bool, context: Any) -> Any:
        nonlocal total
        if "records_observation" in statement and statement.lstrip().startswith(("SELECT", "WITH")):
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values)
                ((plans,),) = cursor.fetchall()
            plans = json.loads(plans) if isinstance(plans, str) else plans
            for node in nodes(plans[0]["Plan"]):
                removed = sum(value for name, value in node.items() if name.startswith("Rows Removed"))
                total += node["Actual Loops"] * (node["Actual Rows"] + removed)
        return execute(statement, values, many, context)

    with connection.execute_wrapper(explain):
        act()
    assert total
    return total


def push(world: factories.World, phone: Phone) -> None:
    assert phone.push(*readings(1)).json()["results"][0]["status"] == "stored"


def summaries(world: factories.World, phone: Phone) -> None:
    with as_clinic(world.clinic.pk):
        actions.load(Patient.objects.get(pk=world.ada.pk))


def by_day(world: factories.World, phone: Phone) -> None:
    assert phone.get(f"observations/daily?measure=pain.intensity&from={DAY}&to={DAY}").json()["days"]


def timeline(world: factories.World, phone: Phone) -> None:
    assert phone.get("observations?measure=pain.intensity&limit=50").json()["observations"]


def chart(world: factories.World, phone: Phone) -> None:
    with as_clinic(world.clinic.pk):
        rows, *_ = patient_page._tallies(Patient.objects.get(pk=world.ada.pk), None, DAY)
    assert rows


@pytest.mark.parametrize("act", [push, summaries, by_day, timeline, chart])
def test_four_times_as_many_readings_of_a_day_by_one_source_cost_no_square(world, act):
    phone = Phone(world.ada.user)
    phone.push(*readings(100))
    first = rows_visited(lambda: act(world, phone))

    phone.push(*readings(300))
    second = rows_visited(lambda: act(world, phone))

    # Four times as many; a plan may have a node more, and the square is sixteen times as many.
    assert second <= 8 * first, (first, second)
