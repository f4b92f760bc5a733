"""What a patient shares, with whom: given, withdrawn, and true from the next look on."""

import uuid
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction

from tests import factories
from tests.phone import Phone
from tests.rls_context import act_as, as_clinic
from tracker.access import consent
from tracker.access.chart import open_chart
from tracker.access.models import BreakGlassAccess, Caregiver, Consent, ConsentChange, ConsentText
from tracker.access.policy import EVERYTHING, Category
from tracker.access.principal import Principal, with_session
from tracker.accounts.reauthentication import ReauthenticationRequired
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import CareTeam

NOW = factories.MONDAY
PAIN, MOOD = Category.PAIN, Category.MOOD


def shares(world: factories.World, *categories: Category) -> None:
    factories.share(world.ada, world.team, categories, NOW)


def change(principal: Principal, team: uuid.UUID, *categories: Category, **more: Any) -> int:
    """Change what a team sees, ``minutes`` after the last proof of who it is; return how many categories changed."""
    signed_in_at = NOW - timedelta(minutes=more.pop("minutes", 0))
    defaults: dict[str, Any] = {
        "text_version": 1,
        "base_version": consent.current_version(principal.own_patient_id),
        "at": NOW,
    }
    principal = with_session(principal, authenticated_at=signed_in_at, device_id=None)
    return len(consent.set_consent(principal=principal, wanted={team: set(categories)}, **defaults | more))


def test_a_new_patient_has_given_no_consent(world):
    nan = factories.patient(world.clinic, "nan", world.team, shares=())

    ben = act_as(world.ben)

    assert nan.pk in ben.patients
    assert ben.visible_categories(nan.pk) == frozenset()


def test_consent_takes_effect_at_the_next_read_whether_given_or_withdrawn(world):
    shares(world)
    assert act_as(world.ben).visible_categories(world.ada.pk) == frozenset()

    shares(world, PAIN)
    assert act_as(world.ben).visible_categories(world.ada.pk) == {PAIN}

    shares(world, MOOD)
    assert act_as(world.ben).visible_categories(world.ada.pk) == {MOOD}


@pytest.mark.parametrize("category", list(Category))
def test_consent_is_given_category_by_category(world, category):
    shares(world, category)

    ben = act_as(world.ben)

    assert ben.visible_categories(world.ada.pk) == {category}
    with connection.cursor() as cursor:
        for each in Category:
            cursor.execute("SELECT current_setting(%s)", [f"app.{each.lower()}"])
            assert (cursor.fetchone()[0] == str(world.ada.pk)) is (each == category)


def test_consent_to_one_team_is_none_to_another(world):
    with as_clinic(world.clinic.pk):
        south = CareTeam.objects.get(name="South")
        type(world.ada).objects.filter(pk=world.ada.pk).update(care_team=south)

    cleo = act_as(world.cleo)

    assert world.ada.pk in cleo.patients
    assert cleo.visible_categories(world.ada.pk) == frozenset()
    assert cleo.visible_categories(world.bea.pk) == EVERYTHING


def test_every_consent_change_is_kept_with_who_when_and_the_text_that_was_read(world):
    shares(world, PAIN)

    principal = act_as(world.ada)
    changes = list(ConsentChange.objects.order_by("id"))

    assert {change.category for change in changes if change.given} == EVERYTHING
    assert {change.category for change in changes if not change.given} == EVERYTHING - {PAIN}
    assert {(change.by_id, change.text_id) for change in changes} == {(principal.user_id, 1)}
    assert {change.at for change in changes if not change.given} == {NOW}


def test_giving_the_same_consent_again_changes_nothing(world):
    shares(world, PAIN)
    principal = act_as(world.ada)
    before = ConsentChange.objects.count()

    assert change(principal, world.team.pk, PAIN, base_version=None) == 0
    assert ConsentChange.objects.count() == before


def test_consent_is_given_to_the_words_that_stand(world):
    with pytest.raises(consent.OutdatedConsentText):
        change(act_as(world.ada), world.team.pk, PAIN, text_version=2)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"base_version": None}, consent.ConsentsChanged),
        ({"base_version": 0}, consent.ConsentsChanged),
        ({"minutes": 6}, ReauthenticationRequired),
        ({"text_version": 0}, consent.OutdatedConsentText),
    ],
)
def test_to_show_more_consent_needs_the_current_version_the_words_and_a_recent_sign_in(world, more, error):
    shares(world, PAIN)
    ada = act_as(world.ada)

    with pytest.raises(error):
        change(ada, world.team.pk, PAIN, MOOD, **more)

    assert consent.granted_categories(world.ada.pk) == {world.team.pk: {PAIN}}
    assert change(ada, world.team.pk, PAIN, MOOD, minutes=5) == 1


@pytest.mark.parametrize("more", [{"base_version": None}, {"base_version": 0}, {"minutes": 60 * 24 * 80}])
def test_a_withdrawal_of_consent_is_never_refused(world, more):
    shares(world, PAIN, MOOD)

    assert change(act_as(world.ada), world.team.pk, PAIN, **more) == 1
    assert change(act_as(world.ada), world.team.pk, **more) == 1


@pytest.fixture
def newer_words(live):
    """A database in which the words of version 1 have been followed by version 2."""
    with psycopg.connect(live.environment["DATABASE_OWNER_URL"]) as owner:
        owner.execute("INSERT INTO access_consenttext VALUES (2, '{}', now())")
    return live.world


def test_consent_is_withdrawn_under_former_words_and_given_under_the_newest_alone(newer_words):
    world = newer_words
    with transaction.atomic():
        ada = act_as(world.ada)

        assert change(ada, world.team.pk, PAIN, text_version=1) == len(EVERYTHING) - 1
        with pytest.raises(consent.OutdatedConsentText):
            change(ada, world.team.pk, PAIN, MOOD, text_version=1)
        assert change(ada, world.team.pk, PAIN, MOOD, text_version=2) == 1


def test_the_version_of_the_consents_grows_with_each_change_and_is_what_a_phone_sends_back(world):
    phone = Phone(world.ada.user)
    team = str(world.team.pk)
    seen = phone.get("me/consents").json()
    body = {"text_version": seen["text_version"], "teams": [{"team": team, "categories": ["pain"]}]}
    narrowed = phone.call("PUT", "me/consents", body).json()

    body["teams"][0]["categories"] = ["pain", "mood"]
    refused = phone.call("PUT", "me/consents", body | {"base_version": seen["version"]})
    widened = phone.call("PUT", "me/consents", body | {"base_version": refused.json()["server"]["version"]})
    again = phone.call("PUT", "me/consents", body | {"base_version": refused.json()["server"]["version"]})

    assert seen["version"] < narrowed["version"] < widened.json()["version"]
    assert (refused.status_code, refused.json()["code"]) == (409, "consents_changed")
    assert refused.json()["server"] == narrowed
    assert widened.status_code == again.status_code == 200, "sent again after a lost answer"
    assert again.json() == widened.json()


def test_a_team_of_another_clinic_and_one_that_is_not_there_are_the_same(world):
    with as_clinic(world.other_clinic.pk):
        theirs = CareTeam.objects.get().pk
    for team in (theirs, uuid.uuid4()):
        with pytest.raises(NotFoundOrHidden):
            change(act_as(world.ada), team, PAIN)


@pytest.mark.parametrize("who", ["ben", "cleo", "eve", "bea", "finn"])
def test_nobody_gives_consent_for_another(world, who):
    """Not even past the application: row security asks whose consent it is, and who says so."""
    shares(world)
    act_as(getattr(world, who))
    row = {
        "clinic_id": world.clinic.pk, "patient_id": world.ada.pk, "team_id": world.team.pk, "category": PAIN,
        "given": True, "text_id": 1, "at": NOW,
    }  # fmt: skip

    for by in (world.ada.user_id, getattr(world, who).user_id):
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            ConsentChange.objects.create(**row, by_id=by)
    with pytest.raises(ProgrammingError, match="consent_follows_its_changes"), transaction.atomic():
        Consent.objects.create(
            clinic_id=world.clinic.pk, patient_id=world.ada.pk, team_id=world.team.pk, pain=True
        )
    assert Consent.objects.filter(patient=world.ada).update(pain=True) == 0


def test_a_published_text_and_what_was_said_to_it_never_change(world):
    act_as(world.ada)

    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        ConsentText.objects.update(content={})
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        ConsentChange.objects.update(given=True)
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        ConsentChange.objects.all()._raw_delete("default")


def test_the_words_name_every_category_the_alerts_and_the_label_of_medication(db):
    text = ConsentText.objects.get(version=1).content

    assert set(text["categories"]) == {category.lower() for category in Category}
    assert "always" in text["always"]
    assert "They may not pass it on" in text["categories"]["medication"]["redisclosure"]


def test_a_patient_sees_all_consents_caregivers_and_break_glass_in_one_request(
    world, django_assert_num_queries
):
    shares(world, PAIN)
    principal = act_as(world.ada)

    with django_assert_num_queries(9):
        found = consent.overview(principal, NOW)

    (north,) = found.teams
    assert (north.name, north.is_care_team, north.categories) == (
        "North", True, frozenset({PAIN}),
    )  # fmt: skip
    assert north.people == [("Ben", "clinician"), ("Dan", "care coordinator")]
    assert (found.text_version, found.version) == (1, found.changes[0].pk)
    assert len(found.changes) == 11


def test_staff_have_no_consent_of_their_own_to_look_at(world):
    with pytest.raises(NotFoundOrHidden):
        consent.overview(act_as(world.ben), NOW)


def test_a_chart_is_opened_for_what_is_shared(world):
    shares(world, PAIN)
    ben = act_as(world.ben)

    assert open_chart(ben, world.ada.pk, purpose="test", at=NOW, categories=[PAIN, MOOD]) == world.ada
    assert open_chart(ben, world.ada.pk, purpose="test", at=NOW) == world.ada
    with pytest.raises(NotFoundOrHidden):
        open_chart(ben, world.ada.pk, purpose="test", at=NOW, categories=[MOOD])


def test_who_looks_after_a_patient_sees_neither_the_history_nor_the_caregivers(world):
    act_as(world.ben)

    assert not ConsentChange.objects.exists()
    assert not Caregiver.objects.exists()
    assert not BreakGlassAccess.objects.exists()
    assert Consent.objects.count() == 1
