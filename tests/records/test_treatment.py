"""Treatment sessions, and what they change."""

from datetime import timedelta
from decimal import Decimal

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_user
from tracker.access.chart import open_chart
from tracker.progress import actions as progress
from tracker.records.models import MeasureState
from tracker.treatment import actions as treatment
from tracker.treatment.products import Route


def test_a_first_session_makes_baselines_and_summaries_anew(world):
    phone = Phone(world.ada.user)
    days = [
        factories.pain(6 if day < 10 else 2, recorded_at=(factories.MONDAY + timedelta(days=day)).isoformat())
        for day in range(28)
    ]
    phone.push(*days)
    progress.refresh_stale(at=factories.MONDAY + timedelta(days=30))

    at = factories.MONDAY + timedelta(days=10)
    with as_user(world.ben, at) as ben:
        ada = open_chart(ben, world.ada.pk, purpose="test", at=at)
        treatment.record_past_session(
            principal=ben, patient=ada, starts_at=at, route=Route.IM, dose_mg=Decimal(50), at=at
        )
        current = MeasureState.objects.get(measure="pain.intensity")

    assert (current.baseline, current.baseline_n, current.baseline_basis) == (6, 10, "BEFORE_TREATMENT")
    assert progress.refresh_stale(at=factories.MONDAY + timedelta(days=30)) == 1
    week = phone.get("summaries?week=2026-03-25").json()["summaries"][0]["figures"]["measures"][0]
    assert (week["baseline"]["basis"], week["baseline"]["value"]) == ("before_treatment", 6)
    assert week["change"]["word"] == "better"
