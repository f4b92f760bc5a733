"""Nothing acknowledged vanishes, whatever three phones, a line, a server and a change of mind do to each other."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests import factories
from tests.sync import machine
from tracker.records import queries, rebuild
from tracker.sync import ingest, merge, pull
from tracker.sync.merge import Status, VersionDecision


def walk(live: Any, runs: int, steps: int) -> None:
    """Walk so many times; without shrinking, since the first walk that fails says enough."""
    chosen = settings(
        max_examples=runs, stateful_step_count=steps, deadline=None, database=None,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate], print_blob=False,
    )  # fmt: skip
    run_state_machine_as_test(seed(factories.SEED)(machine.of(live.world)), settings=chosen)


def test_acknowledged_records_stay_on_a_few_random_walks(live):
    walk(live, 4, 20)

    assert rebuild.check().differences == []


@pytest.mark.full
def test_acknowledged_records_stay_on_two_hundred_random_walks(live):
    walk(live, 200, 40)

    assert rebuild.check().differences == []


def _last_is_skipped(monkeypatch: Any) -> None:
    whole = pull._that_fits
    monkeypatch.setattr(pull, "_that_fits", lambda listed: [*whole(listed)[:-2], *whole(listed)[-1:]])


def _stale_edits_overwrite(monkeypatch: Any) -> None:
    decide = merge.decide

    def planted(before: Any, incoming: Any) -> VersionDecision:
        decision = decide(before, incoming)
        return VersionDecision(Status.STORED) if decision.status == Status.CONFLICT else decision

    monkeypatch.setattr(merge, "decide", planted)


def _acknowledged_and_undone(monkeypatch: Any) -> None:
    receive = ingest.apply_batch

    def planted(**more: Any) -> Any:
        receipt = receive(**more)
        if receipt.head % 3 == 0:
            transaction.set_rollback(True)
        return receipt

    monkeypatch.setattr(ingest, "apply_batch", planted)


def _conflict_without_a_copy(monkeypatch: Any) -> None:
    monkeypatch.setattr("examples.reference_phone.Phone._keep_copy", lambda self, record_id, version: None)


def _what_is_gone_is_not_told(monkeypatch: Any) -> None:
    since = queries.changed_since

    def planted(*given: Any, **more: Any) -> Any:
        return [changed for changed in since(*given, **more) if changed.kind != queries.REVOKED]

    monkeypatch.setattr(queries, "changed_since", planted)


@pytest.mark.full
@pytest.mark.parametrize(
    "plant",
    [
        _last_is_skipped,
        _stale_edits_overwrite,
        _acknowledged_and_undone,
        _conflict_without_a_copy,
        _what_is_gone_is_not_told,
    ],
)
def test_the_walks_find_a_mistake_that_is_planted(live, monkeypatch, plant: Callable[[Any], None]):
    plant(monkeypatch)

    with pytest.raises((AssertionError, ExceptionGroup)):
        walk(live, 150, 40)
