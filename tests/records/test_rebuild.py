"""Every derived number is what its record says, and a command proves it."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_clinic
from tests.sync.test_kinds import WHOLE
from tracker.records.models import MeasureState, Observation


@pytest.fixture
def kept(world):
    """Every kind of entry, amended, removed, late and with a wrong clock."""
    phone = Phone(world.ada.user)
    phone.push(*(factories.record(kind, data) for kind, data in WHOLE.items()))
    again = factories.pain(3)
    phone.push(
        again,
        factories.pain(9, recorded_at="2031-01-01T00:00:00Z"),
        factories.pain(2, recorded_at="2026-02-01T10:00:00Z"),
    )
    phone.push(again | {"revision": 2, "data": {"intensity": 8, "worst": 9}})
    phone.push(
        {name: value for name, value in again.items() if name != "data"} | {"revision": 3, "removed": True}
    )
    phone.push(factories.record("journal", {"text": "ours", "mood": 7, "share": "entry"}))
    return world


def told(*options) -> str:
    out = StringIO()
    call_command("rederive", *options, stdout=out)
    return out.getvalue()


def test_rederiving_everything_finds_no_difference(kept):
    assert "No difference." in told()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda: Observation.objects.filter(measure="pain.intensity").update(value=1.5),
        lambda: Observation.objects.filter(measure="daily.mood").delete(),
        lambda: factories.rename_measure(Observation.objects.filter(measure="sleep.hours"), "sleep.quality2"),
        lambda: MeasureState.objects.filter(measure="pain.intensity").update(last=1),
        lambda: MeasureState.objects.filter(measure="phq-9").delete(),
    ],
)
def test_rederiving_finds_and_repairs_an_observation_that_differs_from_its_record(kept, spoil):
    with as_clinic(kept.clinic.pk):
        assert spoil()

    with pytest.raises(CommandError, match="difference"):
        told()
    told("--apply")
    assert "No difference." in told()
