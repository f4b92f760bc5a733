"""How long a sign-in lasts, what the table tells of it, and how it ends."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import connection
from django.utils import timezone

from tests import factories
from tests.concurrency import run_during
from tests.phone import Phone, token_of
from tracker.accounts import sessions
from tracker.accounts.models import Session
from tracker.accounts.sessions import SessionStore
from tracker.accounts.tasks import delete_expired
from tracker.lib import app_secrets, encryption

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
INSTANT = timedelta(seconds=1)


@pytest.fixture
def clock():
    with time_machine.travel(factories.MONDAY, tick=False) as traveller:
        yield traveller


def is_in(who, after: timedelta, clock) -> bool:
    clock.move_to(factories.MONDAY + after)
    return bool(Phone.get(who, "me").status_code == 200)


def test_fifteen_minutes_without_a_request_end_a_staff_session(world, clock):
    ben = Phone(world.ben.user)

    assert is_in(ben, 15 * MINUTE - INSTANT, clock)
    assert is_in(ben, 30 * MINUTE - 2 * INSTANT, clock)
    assert not is_in(ben, 45 * MINUTE, clock)


def test_twelve_hours_end_a_staff_session_however_busy_it_was(world, clock):
    ben = Phone(world.ben.user)

    for n in range(1, 72):
        assert is_in(ben, n * 10 * MINUTE, clock), n
    assert is_in(ben, 12 * HOUR - INSTANT, clock)
    assert not is_in(ben, 12 * HOUR, clock)


def test_a_patients_phone_stays_signed_in_as_long_as_it_is_used_within_ninety_days(world, clock):
    ada = Phone(world.ada.user)

    assert is_in(ada, 90 * DAY - INSTANT, clock)
    assert is_in(ada, 180 * DAY - 2 * INSTANT, clock)
    assert not is_in(ada, 270 * DAY, clock)


def test_use_is_written_at_most_once_a_minute(world, clock):
    ada = Phone(world.ada.user)

    def seen() -> object:
        return Session.objects.get(user=world.ada.user).seen_at

    assert is_in(ada, MINUTE - INSTANT, clock)
    assert seen() == factories.MONDAY
    assert is_in(ada, MINUTE, clock)
    assert seen() == factories.MONDAY + MINUTE


def test_the_session_table_holds_an_encrypted_payload_and_no_session_key(world):
    token = token_of(world.ben.user)

    with connection.cursor() as cursor:
        cursor.execute("SELECT accounts_session::text FROM accounts_session")
        row = cursor.fetchone()[0]

    assert token not in row
    assert "totp" not in row
    assert "password" not in row


def test_a_session_encrypted_under_a_master_key_that_is_missing_signs_nobody_in(world, settings):
    phone = Phone(world.ada.user)
    settings.MASTER_KEYS_OLD = {settings.MASTER_KEY_ID: settings.MASTER_KEY}
    settings.MASTER_KEY_ID, settings.MASTER_KEY = "m2", b"2" * 32
    assert phone.get("me").status_code == 200

    settings.MASTER_KEYS_OLD = {}

    assert phone.get("me").status_code == 401


def test_what_is_encrypted_for_one_purpose_is_not_decrypted_for_another():
    text = app_secrets.encrypt("accounts_session.session_data", b"x")

    with pytest.raises(encryption.DecryptionError):
        app_secrets.decrypt("mfa_authenticator.data", text)


def test_a_session_payload_encrypted_for_another_row_signs_nobody_in(world):
    mine, theirs = token_of(world.cleo.user, second_factor=False), token_of(world.ben.user)
    rows = Session.objects.filter(pk=sessions.key_hash(mine))

    rows.update(session_data=Session.objects.get(pk=sessions.key_hash(theirs)).session_data)
    rows.update(user=world.ben.user)

    held = sessions.load(mine, timezone.now())
    assert held is not None
    assert held.user_id is None
    assert not held.has_second_factor


def test_a_session_row_with_another_user_signs_nobody_in(world):
    token = token_of(world.cleo.user)
    Session.objects.filter(pk=sessions.key_hash(token)).update(user=world.ben.user)

    held = sessions.load(token, timezone.now())
    assert held is not None
    assert held.data == {}


def test_another_key_for_the_same_session_keeps_it_bound_to_its_phone(world):
    phone = Phone(world.ada.user)
    session = SessionStore(phone.token)
    session.load()
    session.cycle_key()

    assert phone.get("me").status_code == 401
    phone.headers["X-Session-Token"] = str(session.session_key)
    assert phone.push(factories.pain(4)).status_code == 200


def test_a_session_that_was_ended_meanwhile_is_not_written_back(world):
    token = token_of(world.ada.user)
    session = SessionStore(token)
    session["x"] = 1
    sessions.delete(token)

    with pytest.raises(UpdateError):
        session.save()
    assert not Session.objects.exists()


def test_a_session_that_is_revoked_while_it_gets_another_key_has_ended(live):
    token = token_of(live.world.ada.user)
    session = SessionStore(token)
    session.load()

    outcome = run_during(lambda: sessions.delete_all(live.world.ada.user_id), session.cycle_key)

    assert isinstance(outcome, SessionInterrupted)
    assert not Session.objects.exists()


def test_a_user_lists_their_sessions_and_revokes_one(world):
    here, there = Phone(world.ada.user), Phone(world.ada.user)
    listed = here.get("me/sessions").json()["sessions"]
    other = next(each for each in listed if not each["this_one"])
    assert len(listed) == 2
    assert other["device"] == str(there.device)

    assert here.call("DELETE", f"me/sessions/{other['id']}").status_code == 204

    assert there.get("me").status_code == 401
    assert here.get("me").status_code == 200


def test_nobody_revokes_the_sessions_of_others(world):
    ada, bea = Phone(world.ada.user), Phone(world.bea.user)
    own = ada.get("me/sessions").json()["sessions"][0]["id"]

    assert bea.call("DELETE", f"me/sessions/{own}").status_code == 404
    assert ada.get("me").status_code == 200


def test_a_token_without_a_second_factor_opens_nothing_to_staff(world):
    bare = Phone(world.ben.user)
    bare.headers["X-Session-Token"] = token_of(world.ben.user, second_factor=False)

    for route in ("me", f"records?patient={world.ada.pk}", "alerts", "instruments"):
        answer = bare.get(route)
        assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_required"), route


def test_expired_sessions_are_deleted_and_nobody_else_is_signed_out(world, clock):
    ben, ada = Phone(world.ben.user), Phone(world.ada.user)
    clock.move_to(factories.MONDAY + 15 * MINUTE)

    assert delete_expired() == 1

    assert ada.get("me").status_code == 200
    assert ben.get("me").status_code == 401
