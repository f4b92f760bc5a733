"""A patient who has removed every entry: pages and routes about her, and the periodic tasks, do without one."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils.module_loading import import_string

from backend.celery import BEAT_SCHEDULE
from tests import factories
from tests.access.actors import Scenario
from tests.access.client import Ask, MatrixClient
from tests.access.requests import asks, rows_of
from tests.access.resources import NOW
from tests.rls_context import as_clinic
from tracker.dashboard.pages.patient import RANGES
from tracker.progress import actions as progress
from tracker.progress.models import SummaryPart
from tracker.records.kinds import KINDS
from tracker.records.models import Observation

READERS = ("ada", "ben")
CHART = "patients/<uuid:patient_id>/"


def log_and_remove_every_kind(scenario: Scenario) -> None:
    """An entry of each kind weeks ago, so that its weeks have a summary; then all that she has is removed."""
    phone: Any = scenario.actors["ada"].phone
    weeks_ago = (NOW - timedelta(weeks=6)).isoformat()
    phone.push(
        *(factories.record(name, dict(kind.example), recorded_at=weeks_ago) for name, kind in KINDS.items())
    )
    refresh(scenario)
    records = phone.get("sync/pull").json()["records"]
    assert {record["kind"] for record in records} == KINDS.keys()

    envelope = ("kind", "id", "recorded_at", "time_zone")
    removals = [
        {name: record[name] for name in envelope} | {"revision": record["revision"] + 1, "removed": True}
        for record in records
    ]
    results = phone.push(*removals).json()["results"]
    assert {result["status"] for result in results} == {"stored"}


def refresh(scenario: Scenario) -> None:
    ada = scenario.patients["ada"]
    progress.refresh(clinic_id=ada.clinic_id, patient_id=ada.pk, at=NOW)


def reads_about_her(scenario: Scenario) -> Iterable[Ask]:
    """Every GET of the matrix about her, or of a list that she may be in; and her chart over each range."""
    for ask in asks(scenario):
        rows = rows_of(ask.route, "GET") if ask.method == "GET" and ask.actor.name in READERS else ()
        if ask.aside or ask.whose not in {"", "ada"} or not rows or any(row.public for row in rows):
            continue
        yield ask
        if ask.route == CHART:
            yield from (replace(ask, query={"range": name}) for name in RANGES)


@pytest.mark.full
def test_no_page_and_no_route_fails_for_a_patient_whose_every_entry_is_removed(scenario):
    """Before her summaries are refreshed, and after."""
    client, statuses = MatrixClient(), {}
    log_and_remove_every_kind(scenario)

    for state in ("stale", "refreshed"):
        for ask in reads_about_her(scenario):
            statuses[state, str(ask)] = client.send(ask).status
        refresh(scenario)

    assert [name for name, status in statuses.items() if status >= 500] == []
    assert sum(status == 200 for status in statuses.values()) > 50


def test_no_periodic_task_fails_for_a_patient_whose_every_entry_is_removed(scenario):
    log_and_remove_every_kind(scenario)

    for _, name, _ in BEAT_SCHEDULE:
        import_string(name)()

    with as_clinic(scenario.patients["ada"].clinic_id):
        assert not Observation.objects.filter(patient=scenario.patients["ada"]).exists()
        assert not SummaryPart.objects.filter(patient=scenario.patients["ada"]).exists()
