"""Caregivers write entries where the patient lets them, in their own name, and only what another can say."""

import json
import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import ProgrammingError, transaction
from django.utils import timezone

from tests import factories
from tests.concurrency import run_during
from tests.phone import Phone
from tests.rls_context import act_as, as_clinic
from tracker.access import caregivers
from tracker.access.models import Caregiver
from tracker.access.policy import Category
from tracker.accounts.models import AccountKind, User
from tracker.alerts.models import Alert
from tracker.audit.models import AuditEvent
from tracker.lib.table_constraints import RowLevelSecurity
from tracker.outbox import actions as outbox
from tracker.records import rebuild
from tracker.records.kinds import KINDS
from tracker.records.kinds.base import Kind
from tracker.records.kinds.daily import DailyLog
from tracker.records.kinds.pain import PainEntry
from tracker.records.models import Observation
from tracker.treatment import actions as treatment
from tracker.treatment.products import Route


@pytest.fixture
def carl(world: factories.World) -> User:
    return factories.user("carl", AccountKind.CAREGIVER)


def let_write(world: factories.World, user: User, *categories: Category, **more: Any) -> Phone:
    """Carl's app: he reads these categories of Ada's record, and may write in them."""
    factories.caregiver(world.ada, user, *categories, may_write=True, **more)
    return Phone(user)


def write(phone: Phone, world: factories.World, record: dict[str, Any], **headers: str) -> Any:
    return phone.call("POST", f"records?patient={world.ada.pk}", record, **headers)


def amend(phone: Phone, world: factories.World, record: dict[str, Any], **headers: str) -> Any:
    return phone.call("PUT", f"records/{record['id']}?patient={world.ada.pk}", record, **headers)


def alerts(world: factories.World) -> list[tuple[str, bool, uuid.UUID | None]]:
    with as_clinic(world.clinic.pk):
        rows = Alert.objects.filter(patient=world.ada).order_by("raised_at")
        return [(row.rule, row.answer_stored, row.reported_by_id) for row in rows]


def told(answer: Any) -> list[tuple[str, str]]:
    return [(error["pointer"], error["code"]) for error in answer.json().get("errors", ())]


def test_a_caregiver_may_not_write_unless_the_patient_says_so(world, carl):
    factories.caregiver(world.ada, carl, Category.PAIN)
    phone = Phone(carl)

    assert write(phone, world, factories.pain(3)).status_code == 404
    assert phone.get("me").json()["caregiver_of"]["writable_kinds"] == []
    assert Phone(world.ada.user).get("sync/pull").json()["records"] == []


def test_what_a_caregiver_writes_names_them_wherever_it_is_read(world, carl):
    ada, phone = Phone(world.ada.user), let_write(world, carl, Category.PAIN)
    entry = factories.pain(7)

    answer = write(phone, world, entry)

    author = {"id": str(carl.pk), "name": "Carl"}
    assert (answer.status_code, answer.json()["record"]["author"]) == (201, author), answer.content
    assert answer["Location"] == f"/api/v1/records/{entry['id']}?patient={world.ada.pk}"
    (pulled,) = ada.get("sync/pull").json()["records"]
    of_team = Phone(world.ben.user).get(f"records?patient={world.ada.pk}").json()["records"]
    (version,) = ada.get(f"records/{entry['id']}/history").json()["versions"]
    for shown in (pulled, *of_team, version, phone.get(answer["Location"].removeprefix("/api/v1/")).json()):
        assert (shown["author"], shown["source"]) == (author, {"who": "caregiver"})
    assert version["device"] is None
    page = ada.get("records").json()["records"]
    assert [row["author"] for row in page] == [author]


def test_the_patients_own_entries_name_no_other_author(world, carl):
    ada, own = Phone(world.ada.user), factories.pain(2, source={"who": "caregiver"})
    let_write(world, carl, Category.PAIN)
    ada.push(own, factories.pain(3))

    assert not any("author" in row for row in ada.get("sync/pull").json()["records"])


def test_me_names_the_kinds_that_a_caregiver_may_write(world, carl):
    phone = let_write(world, carl, Category.PAIN, Category.JOURNAL, Category.MEDICATION)

    assert phone.get("me").json()["caregiver_of"]["writable_kinds"] == [
        "medication_use", "pain", "side_effects",
    ]  # fmt: skip


def test_a_caregiver_writes_in_no_category_that_is_not_shared_with_them(world, carl):
    phone = let_write(world, carl, Category.PAIN)

    assert write(phone, world, factories.daily(mood=3)).status_code == 404
    assert write(phone, world, {"kind": "daily"}).status_code == 404
    assert phone.call("POST", f"records?patient={world.bea.pk}", factories.pain(3)).status_code == 404
    assert phone.call("POST", "records", factories.pain(3)).status_code == 400


@pytest.mark.parametrize(
    "record",
    [
        factories.phq9(),
        factories.record("journal", {"text": "hers", "share": "entry"}),
        factories.record("plan", {"practice": "breathing_exercise"}),
    ],
    ids=lambda record: record["kind"],
)
def test_questionnaires_journal_and_plans_are_the_patients_own(world, carl, record):
    phone = let_write(world, carl, *Category)

    answer = write(phone, world, record)

    assert (answer.status_code, told(answer)) == (400, [("/kind", "not_by_caregiver")])
    assert answer.json()["guidance"]["crisis_text"] == world.clinic.crisis_text
    assert Phone(world.ada.user).get("sync/pull").json()["records"] == []


@pytest.mark.parametrize("name", sorted(name for name, kind in KINDS.items() if kind.caregivers_write))
def test_a_caregiver_writes_amends_and_removes_each_kind_that_another_can_tell_of(world, carl, name):
    phone, entry = let_write(world, carl, *Category), factories.record(name, dict(KINDS[name].example))

    assert write(phone, world, entry).status_code == 201
    assert amend(phone, world, entry | {"revision": 2, "amendment_reason": "typo"}).status_code == 200
    assert phone.call("DELETE", f"records/{entry['id']}?patient={world.ada.pk}").status_code == 200


def test_the_database_and_the_kind_say_the_same_of_who_writes_it():
    def by_caregivers(kind: Kind) -> bool:
        (security,) = (each for each in kind.model._meta.constraints if isinstance(each, RowLevelSecurity))
        return "app.writable" in security.insert and "app.writable" in security.update

    assert {name: by_caregivers(kind) for name, kind in KINDS.items()} == {
        name: kind.caregivers_write for name, kind in KINDS.items()
    }


def test_a_caregiver_passes_no_reading_off_as_the_patients(world, carl):
    phone = let_write(world, carl, Category.PAIN)

    answer = write(phone, world, factories.pain(3, source={"who": "patient"}))

    assert told(answer) == [("/source/who", "not_the_sender")]


def test_a_caregivers_entry_that_is_sent_again_is_stored_once_and_its_key_is_nobody_elses(world, carl):
    ada, phone = Phone(world.ada.user), let_write(world, carl, Category.PAIN)
    key = {"Idempotency-Key": "the-same-key"}
    entry, own = factories.pain(7), factories.pain(1)

    answers = [write(phone, world, entry, **key) for _ in range(2)]
    reused = write(phone, world, factories.pain(2), **key)

    assert [each.json()["status"] for each in answers] == ["stored", "stored"]
    assert len(ada.get("sync/pull").json()["records"]) == 1
    assert (reused.status_code, reused.json()["code"]) == (409, "idempotency_key_reused")
    assert ada.call("POST", "records", own, **key).json()["status"] == "stored"


def test_the_patient_corrects_and_removes_a_caregivers_entry_as_her_own(world, carl):
    ada, phone = Phone(world.ada.user), let_write(world, carl, Category.PAIN)
    entry = factories.pain(7)
    write(phone, world, entry)

    (corrected,) = ada.push(entry | {"revision": 2, "data": {"intensity": 5}}).json()["results"]
    removed = ada.call("DELETE", f"records/{entry['id']}")

    assert (corrected["status"], removed.json()["record"]["removed"]) == ("stored", True)
    versions = ada.get(f"records/{entry['id']}/history").json()["versions"]
    assert [row["author"]["name"] for row in versions] == [world.ada.name, world.ada.name, "Carl"]


def test_a_caregiver_corrects_and_removes_what_they_wrote_and_overwrites_nobody(world, carl):
    ada, phone = Phone(world.ada.user), let_write(world, carl, Category.PAIN)
    entry, own = factories.pain(7), factories.pain(1)
    write(phone, world, entry)
    ada.push(own)

    assert amend(phone, world, entry | {"revision": 2, "data": {"intensity": 6}}).status_code == 200
    refused = amend(phone, world, own | {"revision": 2, "data": {"intensity": 9}})
    assert (refused.status_code, refused.json()["code"]) == (409, "written_by_another")
    assert refused.json()["server"]["data"] == own["data"]
    assert phone.call("DELETE", f"records/{own['id']}?patient={world.ada.pk}").status_code == 409

    ada.push(entry | {"revision": 3, "data": {"intensity": 4}})
    late = amend(phone, world, entry | {"revision": 3, "data": {"intensity": 8}})
    assert (late.json()["code"], late.json()["server"]["revision"]) == ("newer_version_held", 3)
    assert amend(phone, world, entry | {"revision": 4, "data": {"intensity": 8}}).status_code == 409
    assert amend(phone, world, entry | {"data": {"intensity": 8}}, **{"If-Match": "*"}).status_code == 409

    mine = factories.pain(2)
    write(phone, world, mine)
    assert phone.call("DELETE", f"records/{mine['id']}?patient={world.ada.pk}").status_code == 200
    assert len([row for row in ada.get("sync/pull").json()["records"] if row["removed"]]) == 1


def test_an_id_of_what_a_caregiver_is_not_shown_is_taken_and_says_nothing_of_it(world, carl):
    ada, phone = Phone(world.ada.user), let_write(world, carl, Category.PAIN)
    hidden = factories.daily(mood=3)
    ada.push(hidden)

    answer = write(phone, world, factories.pain(4, id=hidden["id"]))

    assert (answer.status_code, answer.json()["code"]) == (400, "kind_mismatch")
    assert "server" not in answer.json()
    assert [row["kind"] for row in ada.get("sync/pull").json()["records"]] == ["daily"]


def test_the_patient_lets_a_caregiver_write_with_the_version_that_she_saw_and_withdraws_it_without(
    world, carl
):
    made, ada, phone = factories.caregiver(world.ada, carl, Category.PAIN), Phone(world.ada.user), Phone(carl)
    route = f"me/caregivers/{made.pk}"

    for body in ({"may_write": True}, {"may_write": True, "base_version": 7}):
        refused = ada.call("PATCH", route, body)
        assert (refused.status_code, refused.json()["code"]) == (409, "consents_changed")
    assert refused.json()["server"]["caregivers"][0]["version"] == 1
    allowed = ada.call("PATCH", route, {"may_write": True, "base_version": 1}).json()
    assert (allowed["may_write"], allowed["version"]) == (True, 2)
    assert write(phone, world, factories.pain(3)).status_code == 201
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        withdrawn = ada.call("PATCH", route, {"may_write": False}).json()
        assert (withdrawn["may_write"], withdrawn["version"]) == (False, 3)
        assert write(phone, world, factories.pain(4)).status_code == 404
        again = ada.call("PATCH", route, {"may_write": True, "base_version": 3})
        assert (again.status_code, again.json()["code"]) == (403, "reauthentication_required")
    outbox.deliver_due(at=timezone.now())
    words = [each["text"] for each in ada.get("messages").json()["messages"]]
    assert sum("may write in it too" in text for text in words) == 1


def test_writing_is_the_patients_to_allow_and_nobody_elses(world, carl):
    made, phone = factories.caregiver(world.ada, carl, Category.PAIN), Phone(carl)
    body = {"may_write": True, "base_version": 1}

    for other, expected in ((phone, 403), (Phone(world.ben.user), 403), (Phone(world.bea.user), 404)):
        assert other.call("PATCH", f"me/caregivers/{made.pk}", body).status_code == expected
    ended = factories.caregiver(world.ada, carl, Category.PAIN)
    caregivers.revoke(principal=act_as(world.ada), caregiver_id=ended.pk, at=timezone.now())
    ada = Phone(world.ada.user)
    for version in (1, 2):
        answer = ada.call("PATCH", f"me/caregivers/{ended.pk}", body | {"base_version": version})
        assert answer.status_code == 409


@pytest.mark.parametrize("withdrawal", ["writing", "access"])
def test_an_entry_that_waits_while_the_right_to_it_is_withdrawn_is_not_stored(live, withdrawal):
    world, carl = live.world, factories.user("carl", AccountKind.CAREGIVER)
    made = factories.caregiver(world.ada, carl, Category.PAIN, may_write=True)
    phone = Phone(carl)

    def withdraw() -> None:
        principal = act_as(world.ada)
        if withdrawal == "access":
            caregivers.revoke(principal=principal, caregiver_id=made.pk, at=timezone.now())
        else:
            caregivers.set_writing(
                principal=principal,
                caregiver_id=made.pk,
                may_write=False,
                base_version=None,
                at=timezone.now(),
            )

    answer = run_during(withdraw, lambda: write(phone, world, factories.pain(3)))

    assert answer.status_code == 404
    assert Phone(world.ada.user).get("sync/pull").json()["records"] == []


def test_a_withdrawn_right_to_write_is_not_restored_by_a_phone_that_repeats_it(live):
    world, carl = live.world, factories.user("carl", AccountKind.CAREGIVER)
    made = factories.caregiver(world.ada, carl, Category.PAIN, may_write=True)
    ada, body = Phone(world.ada.user), {"may_write": True, "base_version": 1}

    def withdraw() -> None:
        caregivers.set_writing(
            principal=act_as(world.ada), caregiver_id=made.pk, may_write=False, base_version=None,
            at=timezone.now(),
        )  # fmt: skip

    answer = run_during(withdraw, lambda: ada.call("PATCH", f"me/caregivers/{made.pk}", body))

    assert (answer.status_code, answer.json()["code"]) == (409, "consents_changed")
    with as_clinic(world.clinic.pk):
        assert Caregiver.objects.get(pk=made.pk).writes_since is None


def test_a_positive_safety_answer_of_a_caregiver_alerts_as_the_patients_and_says_who_gave_it(world, carl):
    phone = let_write(world, carl, Category.MOOD)

    answer = write(phone, world, factories.daily(self_harm_thoughts=True))

    assert answer.status_code == 201
    assert answer.json()["guidance"]["crisis_text"] == world.clinic.crisis_text
    assert "care team is told" in answer.json()["guidance"]["disclaimer"]
    assert alerts(world) == [("daily_self_harm_thoughts", True, carl.pk)]
    ben = Phone(world.ben.user)
    (shown,) = ben.get("alerts").json()["alerts"]
    (of_alert,) = ben.get(f"alerts/{shown['id']}/answers").json()["answers"]
    assert (shown["reported_by"], of_alert["reported_by"]) == (["Carl"], "Carl")
    assert phone.get("alerts").status_code == 403


@pytest.mark.parametrize("why", ["may not write", "proxy", "no such field", "wrong route", "not shared"])
def test_a_refused_body_of_a_caregiver_hides_no_positive_safety_answer(world, carl, why):
    shared = Category.PAIN if why == "not shared" else Category.MOOD
    factories.caregiver(world.ada, carl, shared, may_write=why != "may not write")
    phone, record = Phone(carl), factories.daily(self_harm_thoughts=True)
    if why == "proxy":
        record = factories.phq9([0] * 8 + [2])
    elif why == "no such field":
        record["data"]["shoe_size"] = 43

    answer = phone.push(record) if why == "wrong route" else write(phone, world, record)

    assert answer.status_code in (400, 403, 404)
    assert (answer.json()["alerted"], answer.json()["guidance"]["crisis_text"]) == (
        True,
        world.clinic.crisis_text,
    )
    assert [(stored, by) for _, stored, by in alerts(world)] == [(False, carl.pk)]
    assert Phone(world.ada.user).get("sync/pull").json()["records"] == []


def test_a_refused_answer_alerts_for_the_patient_whom_it_names_and_for_nobody_else(world, carl):
    factories.caregiver(world.ada, carl, Category.MOOD, may_write=True)
    factories.caregiver(world.bea, carl, Category.MOOD)
    phone, record = Phone(carl), factories.daily(self_harm_thoughts=True, shoe_size=43)

    of_bea = phone.call("POST", f"records?patient={world.bea.pk}", record)
    of_gus = phone.call("POST", f"records?patient={world.gus.pk}", record | {"id": str(uuid.uuid4())})

    assert (of_bea.json()["alerted"], of_gus.json()["alerted"]) == (True, False)
    assert of_gus.json()["guidance"]["crisis_text"] == world.clinic.crisis_text
    assert alerts(world) == []
    with as_clinic(world.clinic.pk):
        assert Alert.objects.get().patient_id == world.bea.pk


def test_an_ended_caregiver_neither_writes_nor_alerts(world, carl):
    made = factories.caregiver(world.ada, carl, Category.MOOD, may_write=True)
    phone = Phone(carl)
    caregivers.revoke(principal=act_as(world.ada), caregiver_id=made.pk, at=timezone.now())

    answer = write(phone, world, factories.daily(self_harm_thoughts=True))

    assert (answer.status_code, answer.json()["alerted"]) == (401, False)
    assert alerts(world) == []


def test_the_database_lets_a_caregiver_insert_and_change_only_their_own_marked_rows_where_they_may_write(
    world, carl
):
    ada, at = Phone(world.ada.user), timezone.now()
    own = factories.pain(1)
    ada.push(own, factories.daily(mood=4))
    with as_clinic(world.clinic.pk):
        pain, daily = PainEntry.objects.get(), DailyLog.objects.get()
    factories.caregiver(world.ada, carl, Category.PAIN, may_write=True, at=at)

    def insert(row: Any, **changes: Any) -> None:
        values = {"id": uuid.uuid4(), "author_id": carl.pk, "source_who": "caregiver", "sequence": 99}
        for name, value in (values | changes).items():
            setattr(row, name, value)
        with transaction.atomic():
            type(row).objects.bulk_create([row])

    act_as(carl, at)
    insert(pain)
    for row, changes in [
        (pain, {"author_id": world.ada.user_id}),
        (pain, {"source_who": None}),
        (pain, {"patient_id": world.bea.pk}),
        (daily, {}),
    ]:
        with pytest.raises(ProgrammingError, match="row-level security"):
            insert(row, sequence=100, **changes)
    assert PainEntry.objects.filter(author=world.ada.user).update(intensity=9) == 0
    assert PainEntry.objects.filter(author=carl).update(intensity=9) == 1
    made = Caregiver.objects.get(user=carl)
    caregivers.set_writing(
        principal=act_as(world.ada), caregiver_id=made.pk, may_write=False, base_version=None, at=at
    )
    act_as(carl, at)
    with pytest.raises(ProgrammingError, match="row-level security"):
        insert(pain, patient_id=world.ada.pk, sequence=101)


def test_staff_insert_no_record_of_a_patient_even_where_they_read_it(world):
    Phone(world.ada.user).push(factories.pain(1))
    with as_clinic(world.clinic.pk):
        row = PainEntry.objects.get()
    act_as(world.ben)
    row.id, row.sequence, row.author_id = uuid.uuid4(), 99, world.ben.user_id

    with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        PainEntry.objects.bulk_create([row])


def test_a_caregivers_numbers_count_on_days_of_which_the_patient_says_nothing_and_are_marked(world, carl):
    ada, phone = Phone(world.ada.user), let_write(world, carl, Category.PAIN)
    day_later = (factories.MONDAY + timedelta(days=1)).isoformat()
    write(phone, world, factories.pain(9))
    write(phone, world, factories.pain(7, recorded_at=day_later))
    ada.push(factories.pain(4))

    rows = ada.get("observations?measure=pain.intensity").json()["observations"]

    told_of = {(row["value"], row["counted"], row["by_caregiver"]) for row in rows}
    assert told_of == {(4, True, False), (9, False, True), (7, True, True)}
    current = ada.get("observations?measure=pain.intensity").json()["current"]
    assert (current["last"], current["last_by_caregiver"]) == (7, True)
    assert (current["week_n"], current["week_by_caregiver"]) == (2, 1)
    days = ada.get("observations/daily?measure=pain.intensity&from=2026-03-02&to=2026-03-03").json()["days"]
    assert [(day["mean"], day["by_caregiver"]) for day in days] == [(4, False), (7, True)]
    assert rebuild.check().differences == []


def test_a_dose_that_a_caregiver_gave_adds_to_those_that_the_patient_took(world, carl):
    ada, phone = Phone(world.ada.user), let_write(world, carl, Category.MEDICATION)
    dose = {"medication": "sertraline", "outcome": "taken", "dose_value": 50, "dose_unit": "mg"}
    ada.push(factories.record("medication_use", dose))
    write(phone, world, factories.record("medication_use", dose))

    rows = ada.get("observations/daily?measure=dose.sertraline&from=2026-03-02&to=2026-03-02").json()["days"]

    assert [row["sum"] for row in rows] == [100]


def test_baselines_are_made_of_the_whole_record_whatever_the_caregiver_sees(world, carl):
    """The first treatment session, before which a baseline lies, is not shared with him."""
    ada, phone = Phone(world.ada.user), let_write(world, carl, Category.PAIN)
    ada.push(factories.pain(6))
    with transaction.atomic():
        treatment.record_past_session(
            principal=act_as(world.ben), patient=world.ada, starts_at=factories.MONDAY, route=Route.IM,
            dose_mg=Decimal(30),
            at=timezone.now(),
        )  # fmt: skip

    later = (factories.MONDAY + timedelta(days=1)).isoformat()
    write(phone, world, factories.pain(2, recorded_at=later))

    current = ada.get("observations?measure=pain.intensity").json()["current"]
    assert (current["baseline_basis"].lower(), current["last"]) == ("before_treatment", 2)
    with as_clinic(world.clinic.pk):
        assert Observation.objects.filter(by_caregiver=True).count() == 1


def test_each_entry_of_a_caregiver_and_each_change_of_the_right_leaves_an_audit_event(world, carl):
    made, ada, phone = factories.caregiver(world.ada, carl, Category.PAIN), Phone(world.ada.user), Phone(carl)
    ada.call("PATCH", f"me/caregivers/{made.pk}", {"may_write": True, "base_version": 1})
    write(phone, world, factories.pain(3))

    with as_clinic(world.clinic.pk):
        events = AuditEvent.objects.filter(subject__isnull=False).order_by("id")
        seen = [(each.action, each.actor) for each in events]
    assert ("caregiver.set_writing", f"user/{world.ada.user_id}") in seen
    assert ("chart.open", f"user/{carl.pk}") in seen
    assert ("records.receive", f"user/{carl.pk}") in seen
    log = ada.get("me/access-log")
    assert "Carl" in json.dumps(log.json())
