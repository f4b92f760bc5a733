"""Each kind of record is known wherever kinds are listed: in the API, the pages, the summaries, the database."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import CheckConstraint, Q

from tests import factories
from tests.phone import Phone
from tests.sync.test_kinds import WHOLE
from tracker.access.policy import Category
from tracker.access.principal import load_principal
from tracker.api import record_schemas
from tracker.dashboard.pages import caseload as caseload_page
from tracker.dashboard.pages import recent_entries as recent_entries_page
from tracker.dashboard.pages import summary as summary_page
from tracker.instruments import catalogue
from tracker.instruments.measures import Measure
from tracker.lib import rls
from tracker.progress import actions as progress
from tracker.progress import summaries
from tracker.records import kinds, measures
from tracker.records.kinds import KINDS, RECORD
from tracker.records.kinds.base import Kind, ranges
from tracker.records.patient_record import PatientRecord
from tracker.records.store import AcceptedRecord

TODAY = factories.MONDAY.date()
each_kind = pytest.mark.parametrize("kind", list(KINDS.values()), ids=list(KINDS))
each_entry = pytest.mark.parametrize(
    "kind", [kind for kind in KINDS.values() if kind.is_entry], ids=lambda kind: kind.name
)


def whole(kind: Kind) -> dict[str, Any]:
    """A record of the kind that holds everything, and that others may read."""
    return factories.record(kind.name, WHOLE[kind.name] | dict(kind.visible_to_others))


@pytest.fixture
def logged(world: factories.World, kind: Kind) -> factories.World:
    """Ada has logged two records of one kind, and nothing else."""
    results = Phone(world.ada.user).push(whole(kind), whole(kind)).json()["results"]
    assert [result["status"] for result in results] == ["stored", "stored"]
    return world


def count(kind: Kind) -> int:
    """The rows of a kind's table that are seen with no filter of the application."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {kind.table}")
        return int(cursor.fetchone()[0])


def category(kind: Kind) -> Category:
    return kind.category or Category(catalogue.latest(WHOLE[kind.name]["instrument"]).category.upper())


# --- The pages of the team


@each_entry
def test_a_patient_who_logs_only_one_kind_is_not_silent_in_the_caseload(logged, kind):
    ben = load_principal(logged.ben.user_id, factories.MONDAY)
    (row,) = caseload_page.caseload(ben, "need", factories.MONDAY + timedelta(hours=1)).rows

    assert row.last_on == TODAY
    assert not [reason for reason, _ in row.reasons if "ilent" in reason or "No entry" in reason]


@each_entry
def test_recent_entries_have_a_line_of_each_kind(logged, kind):
    load_principal(logged.ben.user_id, factories.MONDAY)

    recent = recent_entries_page.recent_entries(logged.ada.pk, TODAY)

    assert [entry.kind for entry in recent.entries] == [kind.label, kind.label]
    assert all(entry.what and "None" not in entry.what for entry in recent.entries)
    assert recent.last_on == TODAY


@each_entry
def test_a_summary_names_each_kind_by_its_noun(logged, kind):
    later = factories.MONDAY + timedelta(days=10)
    progress.refresh(clinic_id=logged.clinic.pk, patient_id=logged.ada.pk, at=later)
    with rls.as_patient(logged.clinic.pk, logged.ada.pk):
        figures = summaries.newest(logged.ada.pk, limit=2)[-1].figures

    assert summary_page.read(figures).entries == f"2 {kind.plural}"
    one = {**figures, "logged": figures["logged"] | {"entries": {kind.name: 1}}}
    assert summary_page.read(one).entries == f"1 {kind.noun}"


@pytest.mark.parametrize("kind", [KINDS["plan"]])
def test_a_plan_is_no_entry_in_the_caseload_and_no_line_in_recent_entries(logged, kind):
    ben = load_principal(logged.ben.user_id, factories.MONDAY)
    (row,) = caseload_page.caseload(ben, "need", factories.MONDAY).rows

    assert row.last_on is None
    assert not recent_entries_page.recent_entries(logged.ada.pk, TODAY).entries


# --- Who reads a row


@each_kind
def test_row_level_security_shows_each_kind_to_its_patient_and_to_a_team_with_consent_alone(logged, kind):
    wanted = {"ada": 2, "bea": 0, "cleo": 0, "dan": 2, "eve": 0, "finn": 0, "gus": 0}
    seen = {}
    for name in wanted:
        load_principal(getattr(logged, name).user_id, factories.MONDAY)
        seen[name] = count(kind)

    assert seen == wanted


@each_kind
@pytest.mark.parametrize("shared", list(Category))
def test_row_level_security_shows_a_team_each_kind_with_consent_to_its_category_only(logged, kind, shared):
    factories.share(logged.ada, logged.team, [shared], factories.MONDAY)
    load_principal(logged.ben.user_id, factories.MONDAY)

    assert count(kind) == (2 if shared == category(kind) else 0)


def rows(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def test_every_table_of_records_is_that_of_a_kind():
    assert set(PatientRecord.__subclasses__()) == {kind.model for kind in KINDS.values()}


@each_kind
def test_every_kinds_table_has_policies_a_key_to_the_clinics_patient_and_a_history_trigger(db, kind):
    commands = rows("SELECT cmd FROM pg_policies WHERE tablename = %s ORDER BY cmd", kind.table)
    forced = rows("SELECT relforcerowsecurity FROM pg_class WHERE oid = %s::regclass", kind.table)
    keys = rows(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'f'"
        " AND confrelid = 'clinics_patient'::regclass",
        kind.table,
    )
    triggers = rows(
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal",
        kind.table,
    )

    assert (commands, forced) == ([("DELETE",), ("INSERT",), ("SELECT",), ("UPDATE",)], [(True,)])
    assert keys == [("FOREIGN KEY (clinic_id, patient_id) REFERENCES clinics_patient(clinic_id, id)",)]
    history = f"EXECUTE FUNCTION records_keep_former_version('{kind.name}', '{kind.category or ''}')"
    assert [text for (text,) in triggers if "AFTER DELETE OR UPDATE" in text and text.endswith(history)]


@each_kind
def test_a_former_version_of_each_kind_has_its_category(logged, kind):
    record = whole(kind)
    phone = Phone(logged.ada.user)
    phone.push(record)
    phone.push(record | {"revision": 2, "amendment_reason": "typo"})
    factories.share(logged.ada, logged.team, [category(kind)], factories.MONDAY)
    load_principal(logged.ben.user_id, factories.MONDAY)

    versions = rows("SELECT kind, category FROM records_formerversion")

    # Of a page of the journal only what is current is shared.
    hidden = bool(kind.visible_to_others)
    assert versions == ([] if hidden else [(kind.name, str(category(kind)))])


# --- The wire


@each_kind
def test_the_union_of_the_api_has_each_kind_by_its_discriminator(kind):
    schema = RECORD.json_schema()
    envelope = schema["$defs"][schema["discriminator"]["mapping"][kind.name].rpartition("/")[2]]
    payload = kind.payload.__name__

    assert envelope["properties"]["kind"]["const"] == kind.name
    assert f"#/$defs/{payload}" in str(envelope["properties"]["data"])
    assert f"#/$defs/{payload}" in str(record_schemas.HeldRecord.model_json_schema())


@each_kind
def test_a_kinds_data_goes_to_its_columns_and_comes_back_as_it_was(kind):
    record = RECORD.validate_python(whole(kind))
    row = kind.model(**kind.to_row(record.data))

    data = kind.payload.model_validate({**kind.to_data(row), **kind.placeholders})

    assert kind.to_row(data) == kind.to_row(record.data)


# --- Numbers


def constraint_ranges(kind: Kind) -> dict[str, tuple[float, float]]:
    """The lowest and highest value that the table's constraints let each column have."""
    found = {}
    for constraint in kind.model._meta.constraints:
        if isinstance(constraint, CheckConstraint) and isinstance(constraint.condition, Q):
            leaves = dict(_leaves(constraint.condition))
            for column in kind.columns:
                if f"{column}__gte" in leaves and f"{column}__lte" in leaves:
                    found[column] = (leaves[f"{column}__gte"], leaves[f"{column}__lte"])
    return found


def _leaves(condition: Q) -> Iterator[tuple[str, Any]]:
    for child in condition.children:
        if isinstance(child, Q):
            yield from _leaves(child)
        elif isinstance(child, tuple):
            yield child


# What a client believes a total to be is kept as reported, and never used.
UNUSED = {"reported_total"}


@each_kind
def test_the_ranges_of_payload_constraints_and_measures_agree(kind):
    payload = {name: limits for name, limits in ranges(kind.payload).items() if name not in UNUSED}
    of_measures = {
        name: (measure.low, measure.high)
        for name in payload
        if (measure := measures.all().get(f"{kind.prefix}{name}"))
    }

    assert constraint_ranges(kind) == payload
    assert of_measures.items() <= payload.items()


@each_kind
def test_every_observation_of_a_kind_is_a_registered_measure_with_its_prefix(kind):
    record = RECORD.validate_python(whole(kind))
    item = AcceptedRecord(record, 1, b"", None, replaces=False)

    for code, value in kind.observations(item.record.data):
        measure = measures.get(code)
        assert code.startswith(kind.prefix)
        assert measures.kind_of(code) is kind
        assert measure.low <= value <= measure.high


def test_the_registry_refuses_kinds_that_contradict_themselves():
    practice, vitals = KINDS["practice"], KINDS["vitals"]
    stray = Measure("sleep.minutes", "Practice", "min", 0, 600, "higher_better", "wellbeing")
    narrow = Measure("practice.minutes", "Practice", "min", 0, 60, "higher_better", "wellbeing")

    for pair, message in (
        ((practice, replace(vitals, name="practice")), "one name: practice"),
        ((practice, replace(vitals, measure_prefix="practice.")), "one prefix: practice."),
        ((replace(practice, measures=(stray,)),), r"sleep\.minutes must begin with practice\."),
        (
            (replace(practice, measures=(narrow,)),),
            r"practice\.minutes is 0 to 60, but its field is \(0, 600\)",
        ),
        ((replace(practice, payload=vitals.payload),), "columns are not the payload's fields"),
        ((replace(practice, category=None),), "rows do not name theirs"),
    ):
        with pytest.raises(ValueError, match=message):
            kinds.registry(pair)
