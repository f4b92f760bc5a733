"""One ciphertext that does not decrypt: that row is marked, everything else is answered, and its bytes stay."""

import os
from datetime import date
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone
from structlog.testing import capture_logs

from tests import factories, owner
from tests.dashboard.conftest import sign_in
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.access.models import DeviceLabel
from tracker.accounts import email_encryption
from tracker.accounts.models import User
from tracker.clinics.models import Patient, Role
from tracker.keys import data_keys, fingerprints, rotation
from tracker.keys.models import DataKey
from tracker.lib import app_secrets, encryption
from tracker.outbox import actions as outbox
from tracker.outbox.models import Message
from tracker.records.kinds.journal import JournalText

TEXTS = "records_journaltext"


@pytest.fixture
def phone(live) -> Phone:
    return Phone(live.world.ada.user)


@pytest.fixture
def pages(live, phone) -> list[dict[str, Any]]:
    """Two pages of the journal and a pain entry; one bit of the first page's text is not what it was."""
    records = [
        factories.record("journal", {"text": "the broken page", "mood": 3, "share": "entry"}),
        factories.record("journal", {"text": "the whole page"}),
        factories.pain(6),
    ]
    assert statuses(phone.push(*records)) == ["stored"] * 3
    owner.flip_a_byte(live, TEXTS, "entry_id = %s", records[0]["id"])
    return records


def statuses(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [result["status"] for result in answer.json()["results"]]


def by_id(records: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {record["id"]: record for record in records}


def is_marked(record: dict[str, Any]) -> bool:
    return record.get("unreadable") is True and "data" not in record and record["removed"] is False


def rotate_to(settings: Any, key_id: str) -> str:
    former = settings.MASTER_KEY_ID
    settings.MASTER_KEYS_OLD = settings.MASTER_KEYS_OLD | {former: settings.MASTER_KEY}
    settings.MASTER_KEY_ID, settings.MASTER_KEY = key_id, os.urandom(32)
    return str(former)


def test_an_unreadable_journal_entry_is_marked_and_every_other_record_is_listed(live, phone, pages):
    with capture_logs() as logged:
        answer = phone.get("records")

    assert answer.status_code == 200
    records = by_id(answer.json()["records"])
    assert is_marked(records[pages[0]["id"]])
    assert records[pages[1]["id"]]["data"]["text"] == "the whole page"
    assert records[pages[2]["id"]]["data"] == {"intensity": 6}
    (line,) = [line for line in logged if line["event"] == "encrypted text unreadable"]
    assert (line["log_level"], line["table"]) == ("error", TEXTS)
    assert line["rows"] == [f"{live.world.ada.pk}/{pages[0]['id']}/1"]


def test_an_unreadable_journal_entry_is_read_alone_as_a_marked_envelope(phone, pages):
    answer = phone.get(f"records/{pages[0]['id']}")

    assert (answer.status_code, answer["ETag"]) == (200, '"1"')
    assert is_marked(answer.json())
    assert is_marked(phone.get(f"records/{pages[0]['id']}/history").json()["versions"][0])


def test_a_pull_lists_an_unreadable_record_apart_and_goes_past_it(phone, pages):
    answer = phone.get("sync/pull")

    assert answer.status_code == 200
    page = answer.json()
    assert [record["id"] for record in page["records"]] == [pages[1]["id"], pages[2]["id"]]
    (marked,) = page["unreadable"]
    assert (marked["id"], marked["revision"]) == (pages[0]["id"], 1)
    assert is_marked(marked)
    after = phone.get(f"sync/pull?cursor={page['cursor']}").json()
    assert (after["records"], after["unreadable"], after["more"]) == ([], [], False)


def test_care_team_sees_the_mark_of_a_shared_unreadable_page_and_the_patients_page_answers(
    live, phone, pages, settings
):
    ada, team = live.world.ada, Phone(live.world.ben.user)

    answer = team.get(f"records?patient={ada.pk}")

    assert answer.status_code == 200
    records = by_id(answer.json()["records"])
    assert is_marked(records[pages[0]["id"]])
    assert pages[1]["id"] not in records
    assert is_marked(team.get(f"sync/pull?patient={ada.pk}").json()["unreadable"][0])
    assert sign_in(live.world.ben.user).get(f"/patients/{ada.pk}/").status_code == 200
    assert Phone(live.world.cleo.user).get(f"records?patient={ada.pk}").status_code == 404


def test_a_push_beside_an_unreadable_record_is_stored_and_a_conflict_with_it_gets_the_marked_copy(
    phone, pages
):
    assert (
        statuses(phone.push(factories.record("journal", {"text": "new"}), factories.pain(2)))
        == ["stored"] * 2
    )

    answer = phone.push(pages[0] | {"data": {"text": "written elsewhere"}})

    assert statuses(answer) == ["conflict"]
    assert is_marked(answer.json()["results"][0]["server"])
    put = phone.call("PUT", f"records/{pages[0]['id']}", pages[0], **{"If-Match": '"7"'})
    assert put.status_code == 412
    assert is_marked(put.json()["server"])


def test_an_amendment_repairs_an_unreadable_record_and_keeps_the_broken_version(live, phone, pages):
    broken = owner.run(live, TEXTS, f"SELECT ciphertext FROM {TEXTS} WHERE entry_id = %s", pages[0]["id"])

    answer = phone.push(pages[0] | {"revision": 2, "amendment_reason": "other"})

    assert statuses(answer) == ["stored"]
    assert phone.get(f"records/{pages[0]['id']}").json()["data"]["text"] == "the broken page"
    newest, former = phone.get(f"records/{pages[0]['id']}/history").json()["versions"]
    assert newest["data"]["text"] == "the broken page"
    assert is_marked(former)
    page = phone.get("sync/pull").json()
    assert (page["records"][-1]["id"], page["unreadable"]) == (pages[0]["id"], [])
    kept = owner.run(
        live, TEXTS, f"SELECT ciphertext FROM {TEXTS} WHERE entry_id = %s AND revision = 1", pages[0]["id"]
    )
    assert kept == broken


def test_an_unreadable_record_can_be_removed(phone, pages):
    assert phone.call("DELETE", f"records/{pages[0]['id']}").status_code == 200

    page = phone.get("sync/pull").json()
    assert (page["records"][-1]["removed"], page["unreadable"]) == (True, [])


def test_rederive_finds_no_difference_beside_an_unreadable_text(pages):
    out = StringIO()
    call_command("rederive", stdout=out)

    assert "No difference." in out.getvalue()


@pytest.mark.parametrize("stored", [b"", b"\x01", b"\x01short", b"\x02" + bytes(40)])
def test_a_cut_ciphertext_raises_as_a_failed_tag_does(stored):
    with pytest.raises(encryption.DecryptionError):
        encryption.decrypt(bytes(32), stored, b"")


@pytest.mark.parametrize("stored", ["", "m1", "m1:ä", "m1:AAAA", "ä:AAAA"])
def test_a_damaged_secret_of_the_product_raises_as_a_failed_tag_does(settings, stored):
    settings.MASTER_KEY_ID = "m1"

    for decrypt in (app_secrets.decrypt, app_secrets.decrypt_deterministic):
        with pytest.raises(encryption.DecryptionError):
            decrypt("test", stored)


def test_a_key_rotation_passes_an_unreadable_text_reports_it_and_keeps_its_bytes(live, pages, settings):
    here = live.world.clinic.pk
    where = f"SELECT ciphertext, key_id FROM {TEXTS} WHERE entry_id = %s"
    broken = owner.run(live, TEXTS, where, pages[0]["id"])
    former = rotate_to(settings, "m2")
    out = StringIO()

    call_command("keys", "rotate", stdout=out)

    assert "1 that cannot be read left as they are" in out.getvalue()
    assert owner.run(live, TEXTS, where, pages[0]["id"]) == broken
    with as_clinic(here):
        assert JournalText.objects.filter(key__replaced_at__isnull=True).count() == 1
    assert rotation.remaining(here).reencrypted == 1
    # The key of the broken text stays, in case that its bytes come back from a backup; all others can go.
    call_command("keys", "retire", former, stdout=StringIO())
    with as_clinic(here):
        assert DataKey.objects.filter(replaced_at__isnull=False).count() == 1
    settings.MASTER_KEYS_OLD = {}
    phone = Phone(live.world.ada.user)
    assert by_id(phone.get("records").json()["records"])[pages[1]["id"]]["data"]["text"] == "the whole page"


def test_keys_check_names_the_rows_that_cannot_be_read_and_ends_with_1(live, phone, pages):
    out = StringIO()
    with pytest.raises(CommandError) as refused:
        call_command("keys", "check", stdout=out)

    assert refused.value.returncode == 1
    assert f"{TEXTS} {live.world.ada.pk}/{pages[0]['id']}/1" in out.getvalue()
    assert pages[1]["id"] not in out.getvalue()
    owner.flip_a_byte(live, TEXTS, "entry_id = %s", pages[0]["id"])
    call_command("keys", "check", stdout=out)
    assert "every encrypted text can be read" in out.getvalue()


def test_a_broken_data_key_marks_its_texts_and_the_next_page_is_encrypted_under_a_new_one(
    live, phone, pages, settings
):
    with transaction.atomic():
        fingerprints.check(at=factories.MONDAY)
    owner.run(
        live, "keys_datakey", "UPDATE keys_datakey SET wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1)"
        " WHERE patient_id = %s", live.world.ada.pk,
    )  # fmt: skip

    assert statuses(phone.push(factories.record("journal", {"text": "after"}))) == ["stored"]

    answer = phone.get("sync/pull").json()
    assert [record["data"].get("text") for record in answer["records"]] == [None, "after"]
    assert len(answer["unreadable"]) == 2
    rotate_to(settings, "m2")
    call_command("keys", "rotate", stdout=StringIO())
    assert phone.get("sync/pull").json()["records"][-1]["data"]["text"] == "after"
    with as_clinic(live.world.clinic.pk):
        assert DataKey.objects.filter(patient_id=live.world.ada.pk).count() == 3


def test_an_unreadable_device_label_leaves_the_list_of_phones_and_is_named_anew(live, phone):
    owner.flip_a_byte(live, "access_devicelabel", "patient_id = %s", live.world.ada.pk)

    answer = phone.get("devices")

    assert (answer.status_code, answer.json()["devices"][0]["label"]) == (200, "")
    assert phone.post("devices", {"id": str(phone.device), "label": "named anew"}).status_code in (200, 201)
    assert phone.get("devices").json()["devices"][0]["label"] == "named anew"
    with as_clinic(live.world.clinic.pk):
        assert DeviceLabel.objects.filter(patient_id=live.world.ada.pk).count() == 2


def test_an_unreadable_reason_of_break_glass_is_marked_for_patient_and_privacy_officer(live, phone):
    world = live.world
    with as_clinic(world.clinic.pk):
        Patient.objects.filter(pk=world.ada.pk).update(birth_date=date(1980, 2, 29))
        officer = factories.staff(world.clinic, "olga", Role.PRIVACY_OFFICER)
    body = {
        "name": world.ada.name,
        "birth_date": "1980-02-29",
        "reason": "unconscious in the ward",
    }
    assert Phone(world.cleo.user).post("break-glass", body).status_code == 201
    owner.flip_a_byte(live, "access_breakglassreason")

    hers = phone.get("me/consents")
    officers = Phone(officer.user).get("break-glass")

    assert (hers.status_code, officers.status_code) == (200, 200)
    assert officers.json()["accesses"][0]["reason"] is None
    assert sign_in(officer.user).get("/emergency/log/").status_code == 200


def test_a_damaged_address_stops_no_page_and_no_key_rotation_and_keeps_its_bytes(live, phone, settings):
    ben = live.world.ben.user
    stored = owner.run(
        live, "accounts_user",
        "UPDATE accounts_user SET email = regexp_replace(email, ':..', ':AA') WHERE id = %s RETURNING email", ben.pk,
    )  # fmt: skip

    user = User.objects.get(pk=ben.pk)
    user.save()
    rotate_to(settings, "m2")
    email_encryption.reencrypt()

    assert sign_in(ben).get("/").status_code == 200
    assert owner.run(live, "accounts_user", "SELECT email FROM accounts_user WHERE id = %s", ben.pk) == stored
    assert email_encryption.count_outdated() == 1


def test_a_missing_master_key_is_no_mark_of_a_row(live, phone, pages, settings):
    rotate_to(settings, "m2")
    settings.MASTER_KEYS_OLD = {}

    with pytest.raises(data_keys.MissingMasterKey), as_clinic(live.world.clinic.pk):
        data_keys.decrypt_readable(JournalText.objects.select_related("key"))


def test_a_damaged_address_holds_up_no_message_to_anybody(live, phone):
    owner.run(
        live, "accounts_user", "UPDATE accounts_user SET email = regexp_replace(email, ':..', ':AA') WHERE id = %s",
        live.world.ben.user_id,
    )  # fmt: skip
    phone.push(factories.phq9([1] * 9))

    outbox.deliver_due(at=timezone.now())

    with as_clinic(live.world.clinic.pk):
        messages = Message.objects.filter(due_at__lte=timezone.now())
        unsent = set(messages.filter(sent_at=None).values_list("recipient_id", "channel"))
        assert messages.filter(recipient=live.world.ben.user, channel="INBOX", sent_at__isnull=False).exists()
        assert unsent == {(live.world.ben.user_id, "EMAIL")}
