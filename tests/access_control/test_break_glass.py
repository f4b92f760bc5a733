"""Break-glass: one patient, one hour, a reason, and everybody who must know is told."""

from datetime import date, timedelta

import pytest

from tests import factories
from tests.phone import Phone, token_of
from tests.rls_context import act_as, as_clinic, as_user
from tracker.access import break_glass as held
from tracker.access import policy
from tracker.access.chart import open_chart
from tracker.access.models import BreakGlassAccess, BreakGlassReason
from tracker.access.policy import EVERYTHING, Action, Category, Relation
from tracker.alerts import break_glass
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Patient, Role
from tracker.outbox.models import Message
from tracker.records.kinds.journal import JournalEntry, JournalText
from tracker.records.kinds.pain import PainEntry

NOW = factories.MONDAY
INSTANT = timedelta(microseconds=1)
HOUR = timedelta(minutes=60)
REASON = "Found unconscious, brought in by ambulance."


def break_it(world: factories.World, who=None, patient=None, at=NOW) -> BreakGlassAccess:
    with as_user(who or world.cleo, at) as principal:
        return break_glass.start_and_notify(
            principal=principal, patient_id=(patient or world.ada).pk, reason=REASON, at=at
        )


@pytest.mark.parametrize(
    ("after", "opens"), [(timedelta(0), True), (HOUR - INSTANT, True), (HOUR, False), (-INSTANT, False)]
)
def test_break_glass_opens_one_patient_for_an_hour_and_ends_by_itself(world, after, opens):
    break_it(world)

    cleo = act_as(world.cleo, NOW + after)

    assert (world.ada.pk in cleo.patients) is opens
    assert cleo.visible_categories(world.ada.pk) == (EVERYTHING if opens else frozenset())
    assert Patient.objects.filter(pk=world.ada.pk).exists() is opens
    assert world.bea.pk in cleo.patients


def test_a_second_break_glass_ends_the_first(world):
    nan = factories.patient(world.clinic, "nan", world.team)
    break_it(world)
    break_it(world, patient=nan, at=NOW + timedelta(minutes=5))

    cleo = act_as(world.cleo, NOW + timedelta(minutes=6))

    assert nan.pk in cleo.patients
    assert world.ada.pk not in cleo.patients


def test_break_glass_opens_a_patient_who_has_no_account_yet_and_the_privacy_officer_is_told(world):
    ivo = factories.patient(world.clinic, "ivo", world.team, user=None)
    pia = factories.staff(world.clinic, "pia", Role.PRIVACY_OFFICER)
    break_it(world, patient=ivo)

    with as_clinic(world.clinic.pk):
        told = set(Message.objects.values_list("recipient_id", "words", "patient"))
    assert told == {(pia.user_id, "break-glass-officer", ivo.pk)}


def test_break_glass_opens_what_a_patient_does_not_share_with_the_team(world):
    factories.share(world.ada, world.team, [Category.PAIN], NOW)
    break_it(world, world.ben)

    ben = act_as(world.ben)

    assert ben.visible_categories(world.ada.pk) == EVERYTHING
    assert ben.relation_to(world.ada.pk) == Relation.TEAM


def test_break_glass_never_opens_an_unshared_journal_entry(world):
    shared = factories.record("journal", {"text": "read this", "share": "entry"})
    Phone(world.ada.user).push(shared, factories.record("journal", {"text": "mine"}), factories.pain(4))
    break_it(world)

    act_as(world.cleo)

    assert [str(pk) for pk in JournalEntry.objects.values_list("id", flat=True)] == [shared["id"]]
    assert JournalText.objects.count() == 1
    assert PainEntry.objects.count() == 1


def test_break_glass_notifies_the_patient_and_the_privacy_officer_without_a_detail(world):
    officer = factories.staff(world.clinic, "olga", Role.PRIVACY_OFFICER)
    made = break_it(world)

    with as_clinic(world.clinic.pk):
        told = set(Message.objects.filter(subject=str(made)).values_list("recipient_id", "words"))
    assert told == {
        (world.ada.user_id, "break-glass"), (officer.user_id, "break-glass-officer"),
    }  # fmt: skip


def test_break_glass_shows_patient_and_privacy_officer_who_when_and_why(world):
    olga = factories.staff(world.clinic, "olga", Role.PRIVACY_OFFICER)
    break_it(world)

    (hers,) = held.list_for_patient(principal=act_as(world.ada))
    (officers,) = held.list_for_clinic(principal=act_as(olga))

    assert (hers.by, hers.begun_at, hers.ends_at, hers.reason) == ("Cleo", NOW, NOW + HOUR, REASON)
    assert (officers.by, officers.patient, officers.reason) == ("Cleo", "Ada", REASON)
    assert not act_as(olga).patients
    act_as(world.ada)
    assert REASON.encode() not in bytes(BreakGlassReason.objects.get().ciphertext)


@pytest.mark.parametrize("who", ["dan", "eve", "bea"])
def test_break_glass_is_for_clinicians_only(world, who):
    with pytest.raises(NotFoundOrHidden):
        break_glass.start_and_notify(
            principal=act_as(getattr(world, who)), patient_id=world.ada.pk, reason=REASON, at=NOW
        )


def test_break_glass_answers_the_same_for_another_clinics_patient_and_a_missing_one(world):
    for patient_id in (world.gus.pk, world.cleo.pk):
        with pytest.raises(NotFoundOrHidden):
            break_glass.start_and_notify(
                principal=act_as(world.cleo), patient_id=patient_id, reason=REASON, at=NOW
            )


def test_break_glass_is_a_reading_right(world):
    break_it(world)
    cleo = act_as(world.cleo)

    assert open_chart(cleo, world.ada.pk, purpose="test", at=NOW) == world.ada
    assert world.ada.pk not in cleo.caseload
    with pytest.raises(NotFoundOrHidden):
        open_chart(
            cleo,
            world.ada.pk,
            purpose="test",
            at=NOW,
            action=Action.PLAN_CHECK_IN,
            categories=[Category.VISITS],
        )
    assert not policy.may("CLINICIAN", Relation.BREAK_GLASS, Action.WRITE_RECORDS)


@pytest.fixture
def born(world: factories.World) -> factories.World:
    with as_clinic(world.clinic.pk):
        Patient.objects.filter(pk=world.ada.pk).update(birth_date=date(1980, 2, 29))
    return world


def test_break_glass_over_the_api_opens_notifies_and_ends(born):
    cleo, ada = Phone(born.cleo.user), Phone(born.ada.user)
    asked = {"name": "ada", "birth_date": "1980-02-29", "reason": REASON}
    ada.push(factories.pain(4))
    assert cleo.get(f"records?patient={born.ada.pk}").status_code == 404

    opened = cleo.post("break-glass", asked)
    assert (opened.status_code, opened.json()["patient"]) == (201, str(born.ada.pk))
    assert len(cleo.get(f"records?patient={born.ada.pk}").json()["records"]) == 1
    (seen,) = ada.get("me/consents").json()["break_glass"]
    assert (seen["by"], seen["reason"]) == ("Cleo", REASON)

    assert cleo.call("DELETE", "break-glass").status_code == 204
    assert cleo.get(f"records?patient={born.ada.pk}").status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [{"name": "bea"}, {"birth_date": "1980-02-28"}, {"name": "%"}, {"name": "gus"}],
)
def test_break_glass_needs_the_exact_name_and_date_of_birth(born, wrong):
    asked = {"name": "Ada", "birth_date": "1980-02-29", "reason": REASON} | wrong

    assert Phone(born.cleo.user).post("break-glass", asked).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"reason": "short"},
        {"reason": ""},
        {"birth_date": "29-02-1980"},
        {"birth_date": 5},
        {"name": None},
        {"x": 1},
    ],
)
def test_break_glass_without_a_reason_is_refused(born, wrong):
    asked = {"name": "Ada", "birth_date": "1980-02-29", "reason": REASON} | wrong

    assert Phone(born.cleo.user).post("break-glass", asked).status_code == 400


@pytest.mark.parametrize(("who", "status"), [("ada", 403), ("dan", 403), ("eve", 403)])
def test_break_glass_by_a_role_that_never_may_is_forbidden(born, who, status):
    asked = {"name": "Ada", "birth_date": "1980-02-29", "reason": REASON}

    assert Phone(getattr(born, who).user).post("break-glass", asked).status_code == status


def test_names_are_tried_twenty_times_an_hour_and_a_colleague_may_go_on(world):
    cleo, other = Phone(world.cleo.user), Phone(factories.staff(world.clinic, "Finn").user)
    guess = {"name": "Nobody", "birth_date": "1980-01-01", "reason": REASON}

    answers = [cleo.post("break-glass", guess).status_code for _ in range(21)]

    assert answers == [404] * 20 + [429]
    assert other.post("break-glass", guess).status_code == 404
    # What ends an access is never refused.
    assert cleo.call("DELETE", "break-glass").status_code == 204


def test_a_page_that_looks_for_a_name_has_the_same_limit(world, client, settings):
    client.cookies[settings.SESSION_COOKIE_NAME] = token_of(world.cleo.user)
    guess = {"name": "Nobody", "birth_date": "1980-01-01", "reason": REASON}

    answers = [client.post("/emergency/", guess).status_code for _ in range(21)]

    assert answers == [422] * 20 + [429]
