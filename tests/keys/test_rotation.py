"""Keys change while everybody works: nothing becomes unreadable, nothing in use can be let go of."""

import base64
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from tests import authenticator, factories
from tests.phone import Phone
from tests.rls_context import as_clinic, as_user
from tests.servers import ROOT, wait_until
from tracker.accounts import second_factor
from tracker.audit.models import SYSTEM, AuditEvent
from tracker.keys import data_keys, rotation
from tracker.keys.models import DataKey, MasterKey
from tracker.lib import encryption
from tracker.records.kinds.journal import JournalText
from tracker.sync import ingest

OLD, NEW = os.urandom(32), os.urandom(32)
Sent = dict[str, str]


def journal(patient: Any, texts: list[str]) -> Sent:
    """Send pages of the journal; return id -> text."""
    items = [factories.record("journal", {"text": text}) for text in texts]
    with as_user(patient) as principal:
        receipt = ingest.apply_batch(principal=principal, sent=None, items=items, at=factories.MONDAY)
    assert {row["status"] for row in receipt.results} <= {"stored"}
    return {item["id"]: item["data"]["text"] for item in items}


def read_back(clinic_id: Any) -> Sent:
    with as_clinic(clinic_id):
        return {
            str(row.entry_id): text
            for row, text in data_keys.decrypt_all(JournalText.objects.select_related("key"))
        }


def rotate_to(settings: Any, key_id: str = "m2", key: bytes = NEW) -> None:
    """A new master key in the settings, the old one beside it: what an operator does before `rotate`."""
    settings.MASTER_KEYS_OLD = settings.MASTER_KEYS_OLD | {settings.MASTER_KEY_ID: settings.MASTER_KEY}
    settings.MASTER_KEY_ID, settings.MASTER_KEY = key_id, key


@pytest.fixture
def old(settings: Any) -> None:
    settings.MASTER_KEY_ID, settings.MASTER_KEY, settings.MASTER_KEYS_OLD = "m1", OLD, {}


@pytest.fixture
def world(old, db) -> factories.World:
    """The actors, whose addresses are encrypted under the old key."""
    return factories.world()


@pytest.fixture
def actors(old) -> Callable[[], factories.World]:
    return factories.world


@pytest.fixture
def written(world, old) -> Sent:
    return journal(world.ada, ["one", "two", "drei ä"]) | journal(world.bea, ["hers"])


def replace_one(clinic_id: Any) -> None:
    """One step of a rotation that is then interrupted."""
    data_keys.register_master_key()
    with as_clinic(clinic_id):
        rotation.replace_one_key(clinic_id, factories.MONDAY)


def count(**wanted: Any) -> int:
    return DataKey.objects.filter(**wanted).count()


def test_a_key_rotation_reencrypts_every_text_and_wraps_every_key_with_the_new_master(
    world, written, settings
):
    here = world.clinic.pk
    rotate_to(settings)
    assert rotation.remaining(here) == rotation.RotationProgress(wrapped=2, replaced=2, reencrypted=4)

    assert rotation.rotate([here]) == rotation.RotationProgress(wrapped=2, replaced=2, reencrypted=4)

    assert rotation.remaining(here).is_nothing
    assert read_back(here) == written
    with as_clinic(here):
        assert count(master_key_id="m2") == count() == 4
        assert count(replaced_at__isnull=True, made_under="m2") == 2
        assert not JournalText.objects.filter(key__replaced_at__isnull=False).exists()


def test_a_second_key_rotation_changes_nothing(world, written, settings):
    rotate_to(settings)
    rotation.rotate([world.clinic.pk])
    with as_clinic(world.clinic.pk):
        before = list(JournalText.objects.order_by("entry_id").values_list("ciphertext", flat=True))

    assert rotation.rotate([world.clinic.pk]).is_nothing

    with as_clinic(world.clinic.pk):
        assert list(JournalText.objects.order_by("entry_id").values_list("ciphertext", flat=True)) == before


def test_text_written_during_a_key_rotation_is_encrypted_with_the_new_key_at_its_end(
    world, written, settings
):
    here = world.clinic.pk
    rotate_to(settings)
    replace_one(here)
    more = journal(world.ada, ["between"])
    assert read_back(here) == written | more

    rotation.rotate([here])

    assert read_back(here) == written | more
    assert rotation.remaining(here).is_nothing


def test_after_a_key_rotation_the_old_master_key_is_not_needed(world, written, settings):
    rotate_to(settings)
    rotation.rotate([world.clinic.pk])
    settings.MASTER_KEYS_OLD = {}

    assert read_back(world.clinic.pk) == written


def test_before_a_key_rotation_a_missing_master_key_is_an_error_and_no_empty_text(world, written, settings):
    rotate_to(settings)
    phone = Phone(world.ada.user)
    settings.MASTER_KEYS_OLD = {}

    with pytest.raises(encryption.DecryptionError):
        read_back(world.clinic.pk)
    answer = phone.get("records")
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert "data" not in answer.json()


def test_a_master_key_in_use_is_not_retired_and_one_that_is_not_in_use_is(world, written, settings):
    here = world.clinic.pk
    with pytest.raises(rotation.KeyInUse, match="today's"):
        rotation.retire([here], "m1")
    rotate_to(settings)
    with pytest.raises(rotation.KeyInUse, match="still wrapped"):
        rotation.retire([here], "m1")
    replace_one(here)
    with pytest.raises(rotation.KeyInUse, match="still encrypted"):
        rotation.retire([here], "m1")
    assert MasterKey.objects.get(pk="m1").is_open
    rotation.rotate([here])

    assert rotation.retire([here], "m1") == 2

    assert not MasterKey.objects.get(pk="m1").is_open
    assert read_back(here) == written
    with as_clinic(here):
        assert count() == 2


def test_a_process_that_still_runs_with_a_retired_master_key_makes_no_key_with_it(world, written, settings):
    rotate_to(settings)
    rotation.rotate([world.clinic.pk])
    rotation.retire([world.clinic.pk], "m1")
    settings.MASTER_KEY_ID, settings.MASTER_KEY = "m1", OLD

    with pytest.raises(data_keys.RetiredMasterKey):
        journal(world.gus, ["too late"])


def test_a_master_key_that_never_was_is_not_retired(world, written):
    with pytest.raises(rotation.KeyInUse, match="No master key"):
        rotation.retire([world.clinic.pk], "m7")


def test_encrypted_text_is_only_ever_reencrypted(world, written):
    with as_clinic(world.clinic.pk):
        for change in (
            "UPDATE records_journaltext SET ciphertext = 'x'",
            "UPDATE records_journaltext SET entry_id = patient_id",
            "DELETE FROM records_journaltext",
        ):
            with pytest.raises(DatabaseError, match=r"never changes|permission denied"), transaction.atomic():
                connection.cursor().execute(change)


def test_each_use_of_keys_records_an_audit_event(world, written, settings):
    rotate_to(settings)
    rotation.rotate([world.clinic.pk])
    rotation.retire([world.clinic.pk], "m1")

    with as_clinic(world.clinic.pk):
        told = Counter(AuditEvent.objects.filter(kind="key").values_list("action", "subject"))
    assert told == {
        ("keys.rotate", "rewrap_batch"): 1, ("keys.rotate", "replace_one_key"): 2,
        ("keys.rotate", "reencrypt_batch"): 1,
        ("keys.retire", "data keys"): 1,
    }  # fmt: skip
    with as_clinic(SYSTEM):
        assert AuditEvent.objects.get(action="keys.retire").detail == {"master_key": "m1"}


def test_the_key_rotation_commands_report_counts_and_refuse_with_1(world, written, settings, capsys):
    rotate_to(settings)
    call_command("keys", "status")
    assert "2 keys to wrap anew, 2 to replace, 4 texts to re-encrypt" in capsys.readouterr().out
    with pytest.raises(CommandError) as refused:
        call_command("keys", "retire", "m1")
    assert refused.value.returncode == 1

    call_command("keys", "rotate")
    assert "2 keys wrapped anew, 2 replaced, 4 texts re-encrypted" in capsys.readouterr().out
    call_command("keys", "retire", "m1")
    assert "m1 is closed" in capsys.readouterr().out
    call_command("keys", "status")
    assert "m1 (closed), m2 (open)" in capsys.readouterr().out


def start_rotation(live) -> "subprocess.Popen[bytes]":
    environment = os.environ | live.environment | {
        "MASTER_KEY_ID": "m2", "MASTER_KEY": base64.b64encode(NEW).decode(),
        "MASTER_KEYS_OLD": f"m1:{base64.b64encode(OLD).decode()}",
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "manage.py", "keys", "rotate"], cwd=ROOT, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def moved(before: rotation.RotationProgress, now: rotation.RotationProgress) -> bool:
    """The phone adds texts under the former key until that is replaced; the rest only goes down."""
    fewer = now.wrapped < before.wrapped or now.replaced < before.replaced
    return fewer or (now.replaced == 0 and now.reencrypted < before.reencrypted)


def kill_after_a_step(live, here) -> None:
    before = rotation.remaining(here)
    with start_rotation(live) as process:
        wait_until(
            lambda: moved(before, rotation.remaining(here)) or process.poll() is not None, what="a step"
        )
        process.send_signal(signal.SIGKILL)


def rotate_under_fire(live, settings, rows: int, kills: int) -> None:
    """Rows, then a rotation in a process of its own that is killed, beside a phone that goes on writing."""
    world, here = live.world, live.world.clinic.pk
    sent = journal(world.bea, ["hers"])
    for start in range(0, rows, 500):
        sent |= journal(world.ada, [f"page {n}" for n in range(start, min(start + 500, rows))])
    rotate_to(settings)
    stop, failures = threading.Event(), []

    def write() -> None:
        n = 0
        try:
            while not stop.is_set():
                n += 1
                sent.update(journal(world.ada, [f"meanwhile {n}"]))
                assert read_back(here).keys() >= {next(reversed(sent))}
        except BaseException as problem:
            failures.append(problem)
        finally:
            connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(kills):
        kill_after_a_step(live, here)
    done = start_rotation(live)
    said = done.communicate(timeout=240)[0].decode()
    rotated = len(sent)
    wait_until(lambda: len(sent) > rotated or not writer.is_alive(), what="a text after the rotation")
    stop.set()
    writer.join()

    assert failures == []
    assert done.returncode == 0, said
    assert rotation.remaining(here).is_nothing
    assert read_back(here) == sent
    assert rotation.retire([here], "m1") == 2
    assert read_back(here) == sent


def test_a_killed_key_rotation_goes_on_where_it_was_while_a_phone_writes(live, old, settings):
    rotate_under_fire(live, settings, rows=60, kills=1)


@pytest.mark.full
def test_a_key_rotation_of_2000_rows_with_live_writes_and_three_kills_leaves_none_unreadable(
    live, old, settings
):
    rotate_under_fire(live, settings, rows=2000, kills=3)


def test_second_factors_are_reencrypted_and_no_master_key_is_retired_before(world, settings):
    authenticator.add_totp(world.ben.user)
    settings.MASTER_KEYS_OLD = {settings.MASTER_KEY_ID: settings.MASTER_KEY}
    former, settings.MASTER_KEY_ID, settings.MASTER_KEY = settings.MASTER_KEY_ID, "m9", b"9" * 32
    assert second_factor.count_outdated() == 1
    with pytest.raises(CommandError, match="rotate first"):
        call_command("keys", "retire", former)

    assert (
        second_factor.reencrypt().done,
        second_factor.reencrypt().done,
        second_factor.count_outdated(),
    ) == (1, 0, 0)

    settings.MASTER_KEYS_OLD = {}
    held = Authenticator.objects.get(user=world.ben.user)
    assert second_factor.MFAAdapter().decrypt(held.data["secret"]) == authenticator.SECRET
