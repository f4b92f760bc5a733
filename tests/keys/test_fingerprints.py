"""Fingerprints: another key under a known name stops the start, before a journal does not open."""

import base64
import os
import subprocess
import sys
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.backends.signals import connection_created

from backend import startup
from backend.env import BadEnvironment
from tests import factories, servers
from tests.keys.test_rotation import journal, rotate_to
from tracker.accounts import email_encryption
from tracker.audit import anchors
from tracker.keys import fingerprints, rotation
from tracker.keys.fingerprints import WrongKey
from tracker.keys.models import DataKey, KeyFingerprint, MasterKey
from tracker.lib import rls

AT = factories.MONDAY
OTHER = bytes(range(32))


@pytest.fixture
def registered(world: Any) -> Any:
    """A database that knows its keys."""
    fingerprints.check(at=AT)
    return world


def names() -> set[str]:
    return set(KeyFingerprint.objects.values_list("name", flat=True))


def test_the_fingerprint_of_each_key_is_registered_once(world, django_assert_num_queries):
    fingerprints.check(at=AT)
    before = names()

    with django_assert_num_queries(2):
        fingerprints.check(at=AT)

    assert names() == before
    assert {name.partition("/")[0] for name in before} == {"master", "lookup", "anchor"}


def test_a_fingerprint_does_not_hold_its_key(registered, settings):
    rows = [bytes(row) for row in KeyFingerprint.objects.values_list("fingerprint", flat=True)]

    assert len({*rows}) == 3
    assert not {settings.MASTER_KEY, settings.LOOKUP_KEY, settings.ANCHOR_KEY} & {*rows}


def test_another_master_key_under_a_known_id_is_refused(registered, settings):
    settings.MASTER_KEY = OTHER

    with pytest.raises(
        WrongKey, match="MASTER_KEY holds another key than the one that this database knows as m1"
    ):
        fingerprints.check(at=AT)


def test_another_former_key_under_a_known_id_is_refused(registered, settings):
    rotate_to(settings)
    fingerprints.check(at=AT)
    settings.MASTER_KEYS_OLD = {"m1": OTHER}

    with pytest.raises(WrongKey, match="MASTER_KEYS_OLD holds another key"):
        fingerprints.check(at=AT)


def test_another_lookup_key_is_refused(registered, settings):
    settings.LOOKUP_KEY = OTHER

    with pytest.raises(WrongKey, match="LOOKUP_KEY is not the key"):
        fingerprints.check(at=AT)


def test_another_anchor_key_is_refused_until_the_former_one_is_named(registered, settings):
    former, settings.ANCHOR_KEY = settings.ANCHOR_KEY, OTHER
    with pytest.raises(WrongKey, match="add its public key") as refused:
        fingerprints.check(at=AT)

    settings.ANCHOR_KEYS_OLD = [anchors.public_key(former)]
    fingerprints.check(at=AT)

    assert base64.b64encode(anchors.public_key(former)).decode() in str(refused.value)
    # Processes that still sign with the former key are not refused while the others are restarted.
    settings.ANCHOR_KEY, settings.ANCHOR_KEYS_OLD = former, []
    fingerprints.check(at=AT)


def test_a_process_that_signs_no_anchor_registers_and_needs_no_anchor_key(world, settings):
    settings.ANCHOR_KEY = None

    fingerprints.check(at=AT)

    assert {name.partition("/")[0] for name in names()} == {"master", "lookup"}


@pytest.mark.parametrize(
    "process",
    [
        pytest.param(("-m", "celery", "-A", "backend", "worker", "--pool", "solo"), marks=pytest.mark.full),
        ("manage.py", "watch"),
        pytest.param(("manage.py", "audit", "anchor"), marks=pytest.mark.full),
        ("manage.py", "audit", "verify"),
    ],
    ids=("worker", "watch", "anchor", "verify"),
)
def test_a_process_that_signs_or_verifies_anchors_does_not_start_without_the_anchor_key(live, process):
    said = subprocess.run(
        [sys.executable, *process], cwd=servers.ROOT, env=os.environ | live.environment | {"ANCHOR_KEY": ""},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert said.returncode != 0
    assert "ANCHOR_KEY is not set" in said.stderr + said.stdout
    assert "Traceback" not in said.stderr + said.stdout


def test_a_database_without_fingerprints_believes_no_key_that_does_not_open_what_is_there(world, settings):
    settings.MASTER_KEY = OTHER

    with pytest.raises(WrongKey, match="MASTER_KEY holds another key"):
        fingerprints.check(at=AT)

    assert names() == set()


def test_a_wrapped_data_key_is_opened_where_no_address_tells(world, settings, monkeypatch):
    journal(world.ada, ["one"])
    monkeypatch.setattr(email_encryption, "decrypt_any", lambda key_id: False)
    settings.MASTER_KEY = OTHER

    with pytest.raises(WrongKey):
        fingerprints.check(at=AT)


def test_a_process_without_a_master_key_that_is_in_use_does_not_start(registered, settings):
    """Step 1 of a rotation without MASTER_KEYS_OLD: nobody could sign in, and every health check was green."""
    settings.MASTER_KEY_ID, settings.MASTER_KEY = "m2", OTHER

    with pytest.raises(WrongKey, match="still needs the master key m1: put it into MASTER_KEYS_OLD"):
        fingerprints.check(at=AT)

    assert "master/m2" not in names()


def test_a_master_key_that_wrapped_no_data_key_is_retired_too(registered, settings):
    """As after "The first clinic", when there are addresses and no text yet."""
    assert not MasterKey.objects.filter(pk="m1").exists()
    rotate_to(settings, "m2")
    rotation.rotate([registered.clinic.pk, registered.other_clinic.pk])
    email_encryption.reencrypt()

    rotation.retire([registered.clinic.pk, registered.other_clinic.pk], "m1")

    assert not MasterKey.objects.get(pk="m1").is_open
    with pytest.raises(rotation.KeyInUse, match="No master key was ever called m9"):
        rotation.retire([], "m9")


def test_a_former_key_that_opened_nothing_is_not_registered(world, settings):
    settings.MASTER_KEYS_OLD = {"m0": OTHER}

    fingerprints.check(at=AT)

    assert "master/m0" not in names()
    assert "master/m1" in names()


def test_a_rotation_registers_the_new_key_and_a_retired_one_is_refused(registered, settings):
    journal(registered.ada, ["one"])
    former = settings.MASTER_KEY
    rotate_to(settings)
    fingerprints.check(at=AT)
    rotation.rotate([registered.clinic.pk])
    rotation.retire([registered.clinic.pk], "m1")
    fingerprints.check(at=AT)

    settings.MASTER_KEY_ID, settings.MASTER_KEY = "m1", former
    settings.MASTER_KEYS_OLD = {}
    with pytest.raises(WrongKey, match="m1 was retired"):
        fingerprints.check(at=AT)


def test_of_two_first_starts_with_different_keys_the_second_is_refused(db, settings, monkeypatch):
    register = fingerprints._register

    def another_was_first(keys: Any, at: Any) -> None:
        here, settings.MASTER_KEY = settings.MASTER_KEY, OTHER
        register(fingerprints._master_keys(), at)
        settings.MASTER_KEY = here
        register(keys, at)

    monkeypatch.setattr(fingerprints, "_register", another_was_first)

    with pytest.raises(WrongKey):
        fingerprints.check(at=AT)


def test_the_application_changes_and_removes_no_fingerprint(registered):
    for change in ("UPDATE keys_keyfingerprint SET fingerprint = ''", "DELETE FROM keys_keyfingerprint"):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            connection.cursor().execute(change)


def test_a_read_only_database_is_compared_and_not_written(world, settings):
    with transaction.atomic():
        connection.cursor().execute("SET LOCAL transaction_read_only = on")
        fingerprints.check(at=AT)
        assert names() == set()

        settings.MASTER_KEY = OTHER
        with pytest.raises(WrongKey):
            fingerprints.check(at=AT)
        # The rest of the test's transaction is to be ended, which a read-only one cannot.
        transaction.set_rollback(True)


def test_a_service_that_started_without_its_database_answers_nothing_with_a_wrong_key(live, settings):
    with transaction.atomic():
        fingerprints.check(at=AT)
    settings.MASTER_KEY = OTHER
    connection_created.connect(startup.check_at_connection)
    try:
        for _ in range(2):
            connection.close()
            with pytest.raises(OperationalError, match="MASTER_KEY holds another key"):
                DataKey.objects.count()
    finally:
        connection_created.disconnect(startup.check_at_connection)
        connection.close()


def test_a_check_at_the_first_connection_is_the_last_one(live):
    connection_created.connect(startup.check_at_connection)
    connection.close()

    assert MasterKey.objects.count() >= 0

    assert not connection_created.disconnect(startup.check_at_connection)
    with transaction.atomic(), rls.as_clinic(live.world.clinic.pk):
        assert names()


def test_a_wrong_key_stops_a_command_with_one_sentence(registered, settings):
    settings.MASTER_KEY = OTHER

    with pytest.raises(BadEnvironment, match="Interlude cannot start: MASTER_KEY holds another key"):
        startup.check()


@pytest.mark.parametrize(
    "process",
    [
        ("-m", "backend.serve", "--port", "0"),
        ("-m", "celery", "-A", "backend", "worker", "--pool", "solo"),
        pytest.param(("manage.py", "watch"), marks=pytest.mark.full),
        pytest.param(("manage.py", "keys", "status"), marks=pytest.mark.full),
    ],
    ids=("web", "worker", "watch", "command"),
)
def test_a_process_with_a_wrong_key_does_not_start(live, process):
    with transaction.atomic():
        fingerprints.check(at=AT)
    wrong = {"MASTER_KEY": base64.b64encode(OTHER).decode()}

    said = subprocess.run(
        [sys.executable, *process], cwd=servers.ROOT, env=os.environ | live.environment | wrong,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert said.returncode != 0
    assert "Interlude cannot start: MASTER_KEY holds another key" in said.stderr + said.stdout
    assert "Traceback" not in said.stderr + said.stdout
