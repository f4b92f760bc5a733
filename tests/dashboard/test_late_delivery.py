"""Late delivery on the pages of staff: they are told that alerts may be late, and since when."""

import pytest
from django.db import connection

from tests.dashboard.conftest import NOW, sign_in, text
from tracker.alerts import safety_status
from tracker.dashboard.pages import delivery

WORDS = "Alerts may be late since Mon 2 Mar 2026, "


def heartbeat(name: str, *, age_s: float) -> None:
    safety_status.record_heartbeat(name)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE alerts_heartbeat SET at = statement_timestamp() - make_interval(secs => %s) WHERE name = %s",
            [age_s, name],
        )


@pytest.mark.parametrize("path", ["/", "/alerts/"])
@pytest.mark.parametrize("silent", ["worker", "watch"])
def test_clinicians_are_told_since_when_alerts_may_be_late(world, ben, clock, path, silent):
    for name in ("worker", "watch"):
        heartbeat(name, age_s=0)
    assert "may be late" not in text(ben.get(path))

    heartbeat(silent, age_s=1805)
    clock.shift(delivery.KNOWN_FOR)

    since = text(ben.get(path)).partition(WORDS)[2][:5]
    assert since in {
        f"{NOW.hour:02}:29",
        f"{NOW.hour - 1:02}:29",
        f"{NOW.hour:02}:30",
        f"{NOW.hour - 1:02}:30",
    }


def test_administrators_are_told_that_alerts_may_be_late_and_patients_are_not(world, clock):
    heartbeat("worker", age_s=61)
    heartbeat("watch", age_s=0)

    assert "may be late" in text(sign_in(world.eve.user).get("/"))
    assert "may be late" not in text(sign_in(world.ada.user).get("/"))
