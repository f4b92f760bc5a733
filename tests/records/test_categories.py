"""What belongs to which category, and that nobody sees a row of one that is not shared: not even by bare SQL."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.apps import apps
from django.db import connection

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_user
from tests.sync.test_kinds import WHOLE
from tracker.access.chart import open_chart
from tracker.access.policy import Category
from tracker.access.principal import load_principal
from tracker.clinics.models import PatientOwned
from tracker.records import categories, measures
from tracker.records.kinds import KINDS
from tracker.records.kinds.journal import AccessRevocation, JournalText
from tracker.records.kinds.plan import MergedEdit
from tracker.records.models import ChangeCounter, DosingPeriod
from tracker.treatment import actions as treatment
from tracker.treatment.products import Route

# Tables beside those of the kinds whose rows are all of one category. The other rows name theirs.
BESIDE = {
    AccessRevocation: Category.JOURNAL,
    JournalText: Category.JOURNAL,
    MergedEdit: Category.MOOD,
    DosingPeriod: Category.TREATMENT,
}


def tables() -> dict[str, str]:
    """Every table with a patient's own words and numbers, and what (SQL) tells the category of a row."""
    of_one_category = BESIDE | {kind.model: kind.category for kind in KINDS.values() if kind.category}
    return {
        model._meta.db_table: f"'{of_one_category[model]}'" if model in of_one_category else "category"
        for model in apps.get_app_config("records").get_models()
        if issubclass(model, PatientOwned) and model is not ChangeCounter
    }


TABLES = tables()


def test_every_measure_has_a_category():
    assert {categories.of_measure(code) for code in measures.all()} <= set(Category)
    assert categories.of_measure("dose.oxycodone") == Category.MEDICATION


@pytest.mark.parametrize(
    ("measure", "category"),
    [
        ("pain.intensity", Category.PAIN),
        ("peg", Category.PAIN),
        ("daily.pain_avg", Category.MOOD),
        ("daily.mood", Category.MOOD),
        ("phq-9", Category.MOOD),
        ("journal.mood", Category.JOURNAL),
    ],
)
def test_a_measure_is_of_the_category_of_what_it_comes_of(measure, category):
    assert categories.of_measure(measure) == category


@pytest.fixture
def full(world: factories.World) -> factories.World:
    """Ada has a row in every table; former versions too, of a shared page, of one shared no more, of a merged plan."""
    phone = Phone(world.ada.user)
    shared, once_shared, plan, pain = (
        factories.record("journal", {"text": "a", "mood": 4, "share": "entry"}),
        factories.record("journal", {"text": "b", "share": "entry"}),
        factories.record("plan", WHOLE["plan"]),
        factories.pain(6),
    )
    peg = {"/75893-8": 5, "/91145-3": 5, "/91146-1": 5}
    form = {"instrument": "peg", "version": "2009", "answers": peg, "status": "complete"}
    whole = [factories.record(kind, WHOLE[kind]) for kind in KINDS]
    sent = [shared, once_shared, plan, pain, factories.record("response", form), *whole]
    again = [each | {"revision": 2} for each in (shared, pain)]
    again.append(once_shared | {"revision": 2, "data": {"text": "b", "share": "none"}})
    edits = [plan | {"revision": 2, "data": WHOLE["plan"] | {"minutes": minutes}} for minutes in (5, 15)]
    for batch in (sent, again, edits[:1], edits[1:]):
        assert {row["status"] for row in phone.push(*batch).json()["results"]} == {"stored"}
    with as_user(world.ben) as ben:
        ada = open_chart(ben, world.ada.pk, purpose="test", at=factories.MONDAY)
        treatment.record_past_session(
            principal=ben, patient=ada, starts_at=factories.MONDAY - timedelta(days=1), route=Route.IM,
            dose_mg=Decimal(50), at=factories.MONDAY,
        )  # fmt: skip
    return world


def seen(table: str) -> list[str]:
    """The categories of the rows that are seen with no filter of the application."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {TABLES[table]} FROM {table}")
        return [row[0] for row in cursor.fetchall()]


def rows_of_team(world: factories.World, *shared: Category) -> list[tuple[str, list[str]]]:
    factories.share(world.ada, world.team, shared, factories.MONDAY)
    with as_user(world.ben):
        return [(table, seen(table)) for table in TABLES]


@pytest.mark.parametrize("shared", list(Category))
def test_row_level_security_shows_a_team_only_the_category_that_is_shared(full, shared):
    found = dict(rows_of_team(full, shared))

    assert {category for rows in found.values() for category in rows} <= {shared}
    assert any(found.values()) or shared == Category.VISITS


def test_row_level_security_shows_a_team_nothing_without_consent_and_everything_with_all(full):
    assert not any(rows for _, rows in rows_of_team(full))

    found = dict(rows_of_team(full, *Category))
    assert all(found.values())
    assert {row for table in found for row in found[table]} == set(Category) - {Category.VISITS}


def test_row_level_security_hides_an_unshared_journal_entry_with_its_text_and_history(full):
    found = dict(rows_of_team(full, *Category))

    assert len(found["records_journalentry"]) == len(found["records_journaltext"]) == 1
    assert "JOURNAL" not in found["records_formerversion"]
    load_principal(full.ada.user_id, factories.MONDAY)
    assert len(seen("records_journalentry")) == 3
    assert len(seen("records_journaltext")) == 5
    assert "JOURNAL" in seen("records_formerversion")


def test_row_level_security_hides_a_journal_entry_that_is_shared_no_more(world):
    phone = Phone(world.ada.user)
    page = factories.record("journal", {"text": "read this", "share": "entry"})
    phone.push(page)
    assert len(dict(rows_of_team(world, Category.JOURNAL))["records_journaltext"]) == 1

    phone.push(page | {"revision": 2, "data": {"text": "read this", "share": "none"}})

    found = dict(rows_of_team(world, Category.JOURNAL))
    assert not found["records_journalentry"]
    assert not found["records_journaltext"]
    assert not found["records_observation"]


@pytest.mark.parametrize("shared", [(), (Category.MOOD,)])
def test_the_phone_is_never_limited_by_what_the_team_may_see(world, shared):
    factories.share(world.ada, world.team, shared, factories.MONDAY)
    phone, sent = Phone(world.ada.user), [factories.pain(4), factories.daily(mood=2), factories.phq9()]

    assert {row["status"] for row in phone.push(*sent).json()["results"]} == {"stored"}
    assert len(phone.get("records").json()["records"]) == 3


def test_a_session_moves_every_baseline_also_those_that_its_recorder_may_not_see(world):
    phone = Phone(world.ada.user)
    for days in range(10):
        at = (factories.MONDAY - timedelta(days=days)).isoformat()
        phone.push(factories.pain(9 if days > 4 else 1, recorded_at=at))
    factories.share(world.ada, world.team, [Category.TREATMENT], factories.MONDAY)
    ben = load_principal(world.ben.user_id, factories.MONDAY)
    ada = open_chart(ben, world.ada.pk, purpose="test", at=factories.MONDAY)

    treatment.record_past_session(
        principal=ben, patient=ada, starts_at=factories.MONDAY - timedelta(days=4), route=Route.IM, dose_mg=Decimal(50),
        at=factories.MONDAY,
    )  # fmt: skip

    current = phone.get("observations?measure=pain.intensity").json()["current"]
    assert (current["baseline"], current["baseline_basis"]) == (9, "before_treatment")
