"""A patient's own profile: name, telephone number and time zone, each version of it, and what follows a new zone."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from tests import factories, owner
from tests.dashboard.conftest import sign_in
from tests.phone import Phone
from tests.rls_context import as_clinic, as_user
from tracker.access.models import ProfileVersion
from tracker.audit.models import AuditEvent
from tracker.dashboard import forms
from tracker.lib import days
from tracker.outbox.models import Message
from tracker.records.kinds.pain import PainEntry
from tracker.reminders import actions as reminders
from tracker.reminders.models import CheckIn

NUMBER = "+31201234567"


def change(phone: Phone, if_match: str = "", /, **body):
    headers = {"If-Match": if_match} if if_match else {}
    return phone.call("PATCH", "me", body, **headers)


def profile(phone: Phone):
    return phone.get("me").json()["profile"]


def test_a_patient_changes_name_and_zone_and_what_is_not_named_stays(world):
    phone = Phone(world.ada.user)

    renamed = change(phone, name=" Ada Byron ").json()
    moved = change(phone, time_zone="America/New_York")

    assert (renamed["name"], renamed["time_zone"]) == ("Ada Byron", factories.ZONE)
    assert (moved.json()["name"], moved.json()["time_zone"]) == ("Ada Byron", "America/New_York")
    assert (moved.json()["profile"]["version"], moved["ETag"]) == (3, '"3"')
    assert moved.json() == phone.get("me").json()
    with as_user(world.ben):
        world.ada.refresh_from_db()
    assert (world.ada.name, world.ada.time_zone) == ("Ada Byron", "America/New_York")


def test_the_history_of_time_zones_can_be_read_and_names_no_zone_twice_in_a_row(world):
    phone = Phone(world.ada.user)
    for zone in ("Asia/Tokyo", "Asia/Tokyo", factories.ZONE):
        change(phone, time_zone=zone)
    change(phone, name="Ada B.")

    zones = profile(phone)["time_zones"]

    assert [row["time_zone"] for row in zones] == [factories.ZONE, "Asia/Tokyo", factories.ZONE]
    assert zones[-1]["since"] is None
    assert zones[0]["since"] > zones[1]["since"]


def test_earlier_entries_keep_their_day_and_zone_when_the_zone_changes(world):
    phone, entry = Phone(world.ada.user), factories.pain(4, recorded_at="2026-03-02T23:30:00+01:00")
    phone.push(entry)
    before = phone.get(f"records/{entry['id']}").json()

    change(phone, time_zone="Pacific/Auckland")

    assert phone.get(f"records/{entry['id']}").json() == before
    assert before["local_date"] == "2026-03-02"
    with as_user(world.ada):
        assert PainEntry.objects.get(id=entry["id"]).time_zone == factories.ZONE


def test_a_reminder_follows_the_new_zone_and_the_check_in_stays_at_its_instant(world):
    at = factories.MONDAY
    starts_at = at + timedelta(days=2)
    with as_user(world.ben, at) as ben:
        planned = reminders.plan_check_in(
            principal=ben, patient=world.ada, starts_at=starts_at, minutes=20, at=at
        )
    with time_machine.travel(at, tick=False):
        phone = Phone(world.ada.user)
        (shown,) = change(phone, time_zone="America/New_York").json()["check_ins"]

    # 10:00 in Amsterdam is 4:00 in New York: the reminder leaves the quiet hours, to 18:00 two days before.
    assert shown["local_time"] == "2026-03-04 04:00"
    assert (
        reminders.plan_reminders(
            at=days.instant(starts_at.date() - timedelta(days=1), starts_at.time(), "UTC")
        )
        == 0
    )
    due = at.replace(hour=23)
    assert reminders.plan_reminders(at=due) == 2
    with as_clinic(world.clinic.pk):
        assert {row.due_at for row in Message.objects.filter(words="check-in")} == {due}
        assert CheckIn.objects.get(pk=planned.pk).starts_at == starts_at


def test_a_change_made_of_an_older_version_is_refused_with_if_match(world):
    phone, other = Phone(world.ada.user), '"1"'
    assert change(phone, other, name="First").status_code == 200

    refused = change(phone, other, name="Second")

    assert (refused.status_code, refused.json()["code"]) == (412, "profile_changed")
    assert phone.get("me").json()["name"] == "First"
    assert change(phone, '"1", "2"', name="Third").status_code == 200
    assert change(phone, "*", name="Fourth").status_code == 200
    assert change(phone, "three", name="Fifth").json()["errors"][0]["parameter"] == "If-Match"


def test_of_two_changes_of_one_field_the_later_arrival_counts_and_the_former_stays_in_the_versions(world):
    phone = Phone(world.ada.user)
    change(phone, name="First")
    change(phone, name="Second")

    versions = phone.get("me/versions").json()["versions"]

    assert [row["name"] for row in versions] == ["Second", "First", "Ada"]
    assert [row["version"] for row in versions] == [3, 2, 1]


def test_a_change_to_what_is_there_already_makes_no_version(world):
    phone = Phone(world.ada.user)

    assert change(phone, name="Ada", time_zone=factories.ZONE, phone="").json()["profile"]["version"] == 1
    assert change(phone).json()["errors"][0]["code"] == "empty"


def test_the_telephone_number_is_encrypted_and_its_change_is_told(world):
    phone = Phone(world.ada.user)
    assert profile(phone)["phone"] is None

    answer = change(phone, phone=NUMBER)

    assert answer.json()["profile"]["phone"] == NUMBER
    with as_clinic(world.clinic.pk):
        stored = b"".join(bytes(row.ciphertext) for row in ProfileVersion.objects.all())
        assert NUMBER.encode() not in stored
        told = Message.objects.filter(recipient=world.ada.user, words="phone-changed")
        assert sorted(told.values_list("channel", flat=True)) == ["EMAIL", "INBOX"]
    assert change(phone, phone="").json()["profile"]["phone"] is None


def test_a_new_name_is_told(world):
    phone = Phone(world.ada.user)
    change(phone, name="Ada Byron")
    change(phone, name="Ada Byron", time_zone="Asia/Tokyo")

    with as_clinic(world.clinic.pk):
        told = Message.objects.filter(recipient=world.ada.user, words="name-changed")
        assert sorted(told.values_list("channel", flat=True)) == ["EMAIL", "INBOX"]


UNSEEN = [
    "\n",
    "\r",
    "\t",
    "\x00",
    "\x1b",
    "\x7f",
    "\x85",
    "\u061c",
    "\u200e",
    "\u200f",
    "\u2028",
    "\u202e",
    "\u2066",
    "\u2069",
]


@pytest.mark.parametrize("unseen", UNSEEN)
def test_a_name_holds_no_control_character_and_nothing_that_turns_the_text_around(world, unseen):
    name, ada = f"Ada{unseen}Byron", Phone(world.ada.user)
    staff = forms.StaffForm({"name": name, "role": "CLINICIAN"}, teams=[])

    renamed = change(ada, name=name)
    invited = ada.post("me/caregivers", {"name": name, "categories": ["pain"]})

    for answer in (renamed, invited):
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/name")
    assert staff.errors["name"]


@pytest.mark.parametrize("name", ["Ada", "Zoë d'Arc-Ní", "آیدا\u200cنور", "李小龍", "👩\u200d⚕️"])
def test_a_name_in_any_writing_is_taken(world, name):
    assert change(Phone(world.ada.user), name=name).json()["name"] == name
    assert "name" not in forms.StaffForm({"name": name, "role": "CLINICIAN"}, teams=[]).errors


def test_a_new_telephone_number_needs_a_fresh_sign_in_and_a_new_name_does_not(world):
    phone = Phone(world.ada.user)

    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        refused = change(phone, phone=NUMBER, name="Ada B.")
        assert (refused.status_code, refused.json()["code"]) == (403, "reauthentication_required")
        assert phone.get("me").json()["name"] == "Ada"
        assert change(phone, name="Ada B.").status_code == 200


def test_a_new_phone_beside_an_older_one_changes_no_telephone_number(world):
    with time_machine.travel(timezone.now() - timedelta(days=2)):
        Phone(world.ada.user)

    refused = change(Phone(world.ada.user), phone=NUMBER)

    assert (refused.status_code, refused.json()["code"]) == (403, "use_older_device")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"email": "ada@example.org"}, "unknown_field"),
        ({"enrolled_on": "2026-01-01"}, "unknown_field"),
        ({"name": ""}, "too_short"),
        ({"name": "   "}, "bad_format"),
        ({"name": "x" * 121}, "too_long"),
        ({"name": "a\0b"}, "bad_format"),
        ({"name": 3}, "wrong_type"),
        ({"name": None}, "wrong_type"),
        ({"phone": None}, "wrong_type"),
        ({"phone": "020 1234567"}, "bad_format"),
        ({"time_zone": "Europe/Nowhere"}, "unknown_time_zone"),
        ({"time_zone": "localtime"}, "unknown_time_zone"),
    ],
)
def test_a_field_that_is_unknown_or_cannot_be_taken_is_named(world, body, code):
    phone = Phone(world.ada.user)

    refused = change(phone, **body)

    assert refused.status_code == 400
    (error,) = refused.json()["errors"]
    assert (error["pointer"], error["code"]) == (f"/{next(iter(body))}", code)
    assert profile(phone)["version"] == 1


def test_the_care_team_reads_the_number_and_nobody_else_does(world):
    change(Phone(world.ada.user), phone=NUMBER)

    for person, count in ((world.ada, 2), (world.ben, 2), (world.cleo, 0), (world.bea, 0), (world.eve, 0)):
        with as_user(person):
            assert ProfileVersion.objects.count() == count, person


def test_staff_and_caregivers_have_no_profile_and_change_none(world):
    ben = Phone(world.ben.user)

    assert ben.get("me").json()["profile"] is None
    assert change(ben, name="Benno").status_code == 403


def test_a_change_of_the_profile_leaves_an_event_that_names_the_fields_and_no_value(world):
    change(Phone(world.ada.user), name="Ada Byron", phone=NUMBER)

    with as_clinic(world.clinic.pk):
        event = AuditEvent.objects.get(action="profile.change")
    assert event.detail["fields"] == ["name", "phone"]
    assert not [word for word in ("Byron", NUMBER) if word in str(event.detail)]


def test_a_number_that_cannot_be_decrypted_is_said_to_be_unreadable_and_stays_so_until_there_is_a_new_one(
    live,
):
    phone = Phone(live.world.ada.user)
    change(phone, phone=NUMBER)
    owner.flip_a_byte(live, "access_profileversion", "number = 2")

    assert (profile(phone)["phone"], profile(phone)["unreadable"]) == (None, True)
    assert change(phone, name="Ada B.").json()["profile"]["unreadable"]
    assert [row["unreadable"] for row in phone.get("me/versions").json()["versions"]] == [True, True, False]
    assert change(phone, phone=NUMBER).json()["profile"]["phone"] == NUMBER


def test_the_care_team_sees_the_number_on_the_patients_page(world):
    change(Phone(world.ada.user), phone=NUMBER)

    page = sign_in(world.ben.user).get(f"/patients/{world.ada.pk}/").content.decode()

    assert f"<dt>Telephone</dt><dd>{NUMBER}</dd>" in page
    assert "Telephone" not in sign_in(world.cleo.user).get(f"/patients/{world.bea.pk}/").content.decode()
