"""A sensitive act needs a fresh sign-in."""

from datetime import timedelta

import pytest

from tests.factories import MONDAY
from tracker.accounts import reauthentication

FIVE = timedelta(minutes=5)
INSTANT = timedelta(microseconds=1)


@pytest.mark.parametrize("age", [timedelta(0), FIVE])
def test_a_reauthentication_of_the_last_five_minutes_is_fresh(age):
    reauthentication.require_recent(MONDAY - age, MONDAY)


@pytest.mark.parametrize("age", [FIVE + INSTANT, timedelta(days=90)])
def test_an_older_reauthentication_is_stale(age):
    with pytest.raises(reauthentication.ReauthenticationRequired):
        reauthentication.require_recent(MONDAY - age, MONDAY)


def test_a_session_in_which_nobody_proved_who_they_are_is_stale():
    with pytest.raises(reauthentication.ReauthenticationRequired):
        reauthentication.require_recent(None, MONDAY)
