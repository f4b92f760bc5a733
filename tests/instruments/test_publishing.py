"""Published versions stay, and the licence gate holds: in the files and in the database."""

import json
import os
import uuid
from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, InternalError, connection, transaction

from tests import factories
from tests.rls_context import as_clinic
from tracker.instruments import catalogue, parsing, publishing
from tracker.instruments.models import Instrument, Offer, Permission, Version

CLINIC = uuid.UUID(int=7)
OTHER = uuid.UUID(int=8)


def version(code: str) -> Version:
    return Version.objects.get(instrument=code)


def permit(code: str, clinic: uuid.UUID = CLINIC) -> Permission:
    return Permission.objects.create(
        clinic_id=clinic,
        version=version(code),
        wording={"items": {}},
        granted_by="the rights holder",
        granted_on=date(2026, 1, 5),
        loaded_at=factories.MONDAY,
    )


def offer(code: str, clinic: uuid.UUID = CLINIC) -> Offer:
    return Offer.objects.create(
        clinic_id=clinic, version=version(code), offered_by="user/ben", offered_at=factories.MONDAY
    )


@pytest.fixture
def owner(db: None) -> Iterator[psycopg.Connection]:
    """The owner of the tables, in the same database; nothing it does is kept."""
    name = connection.settings_dict["NAME"]
    address = urlsplit(os.environ["DATABASE_OWNER_URL"])._replace(path=f"/{name}").geturl()
    with psycopg.connect(address) as held:
        yield held
        held.rollback()


@pytest.mark.django_db
def test_every_version_of_the_catalogue_is_published_as_its_file_says():
    rows = {(row.instrument_id, row.version): row for row in Version.objects.all()}

    assert set(rows) == {(form.code, form.version) for form in catalogue.all()}
    for form in catalogue.all():
        row = rows[form.code, form.version]
        assert row.content_hash == parsing.content_hash(form.document)
        assert row.wording_ships == form.terms.wording_may_ship


@pytest.mark.django_db
def test_loading_twice_changes_nothing():
    loaded = publishing.load(catalogue.all(), at=factories.MONDAY)

    assert loaded.published == ()
    assert len(loaded.unchanged) == len(catalogue.all())


@pytest.mark.django_db
def test_loading_refuses_a_file_that_differs_from_its_published_version():
    text = (catalogue.FOLDER / "peg.2009.yaml").read_text(encoding="utf-8")
    corrected = parsing.read(text.replace("on average in the past week", "on average during the past week"))

    with pytest.raises(publishing.PublishedVersionDiffersError, match="peg@2009"):
        publishing.load([corrected], at=factories.MONDAY)


@pytest.mark.django_db
def test_the_application_cannot_publish():
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        Instrument.objects.create(code="made-up")


@pytest.mark.django_db
@pytest.mark.parametrize("statement", ["UPDATE {} SET title = 'x'", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_the_application_cannot_change_a_published_version(statement):
    with (
        pytest.raises(DatabaseError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format("instruments_version"))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE instruments_version SET title = title",
        "DELETE FROM instruments_version",
        "TRUNCATE instruments_version CASCADE",
    ],
)
def test_even_the_owner_cannot_change_a_published_version(owner, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        owner.execute(statement)


def publish(owner: psycopg.Connection, content: dict[str, Any], *, ships: bool) -> None:
    owner.execute("INSERT INTO instruments_instrument VALUES ('made-up')")
    owner.execute(
        "INSERT INTO instruments_version (instrument_id, version, scoring_version, title, content,"
        " content_hash, terms, wording_ships, copyright, published_at)"
        " VALUES ('made-up', '1', '1', 'x', %s, repeat('0', 64), 'licensed', %s, '', now())",
        [json.dumps(content), ships],
    )


@pytest.mark.parametrize(
    ("content", "ships"),
    [
        ({"terms": {"wording_may_ship": False}, "items": [{"text": {"en": "Secret"}}]}, False),
        ({"terms": {"wording_may_ship": False}, "stem": {"en": "Secret"}, "items": []}, False),
        ({"terms": {"wording_may_ship": False}, "items": []}, True),
    ],
)
def test_even_the_owner_cannot_publish_wording_that_may_not_ship(owner, content, ships):
    with pytest.raises(psycopg.errors.CheckViolation, match="version_ships_only_licensed_wording"):
        publish(owner, content, ships=ships)


def test_the_owner_can_publish_a_licensed_instrument_without_its_wording(owner):
    publish(owner, {"terms": {"wording_may_ship": False}, "items": [{"linkId": "q1"}]}, ships=False)

    assert owner.execute("SELECT count(*) FROM instruments_version WHERE version = '1'").fetchone() == (1,)


@pytest.mark.django_db
def test_a_licensed_instrument_is_not_available_until_the_clinic_holds_permission():
    with as_clinic(CLINIC):
        before = Version.objects.for_clinic(CLINIC).get(instrument="who-5").available
        permit("who-5")
        after = Version.objects.for_clinic(CLINIC).get(instrument="who-5").available

    assert (before, after) == (False, True)


@pytest.mark.django_db
def test_a_free_instrument_is_available_to_every_clinic():
    with as_clinic(CLINIC):
        codes = {row.instrument_id for row in Version.objects.for_clinic(CLINIC) if row.available}

    assert {form.code for form in catalogue.all() if form.terms.wording_may_ship} == codes


@pytest.mark.django_db
def test_nothing_without_licensed_wording_can_be_offered():
    with as_clinic(CLINIC):
        with pytest.raises(IntegrityError, match="holds no permission"), transaction.atomic():
            offer("who-5")
        offer("phq-9")
        permit("who-5")
        offer("who-5")

        assert set(Offer.objects.values_list("version__instrument", flat=True)) == {"phq-9", "who-5"}


@pytest.mark.django_db
def test_the_permission_of_one_clinic_is_nothing_to_another():
    with as_clinic(CLINIC):
        permit("who-5")

    with as_clinic(OTHER):
        assert not Permission.objects.exists()
        with pytest.raises(IntegrityError, match="holds no permission"), transaction.atomic():
            offer("who-5", OTHER)


@pytest.mark.django_db
def test_an_offer_cannot_be_turned_into_an_unlicensed_one():
    with as_clinic(CLINIC):
        offer("phq-9")

        with pytest.raises(IntegrityError, match="holds no permission"), transaction.atomic():
            Offer.objects.update(version=version("who-5"))


@pytest.mark.django_db
def test_a_permission_stays_while_its_instrument_is_offered():
    with as_clinic(CLINIC):
        permission = permit("who-5")
        offered = offer("who-5")

        with (
            pytest.raises((IntegrityError, InternalError), match="withdraw the offer first"),
            transaction.atomic(),
        ):
            permission.delete()
        offered.delete()
        permission.delete()

        assert not Permission.objects.exists()


@pytest.mark.django_db
def test_a_clinic_writes_permissions_for_itself_only():
    with (
        as_clinic(CLINIC),
        pytest.raises(DatabaseError, match="row-level security"),
        transaction.atomic(),
    ):
        permit("who-5", OTHER)


@pytest.mark.django_db
def test_without_row_level_security_no_permission_is_seen():
    with as_clinic(CLINIC):
        permit("who-5")

    assert not Permission.objects.exists()


@pytest.mark.django_db
def test_a_permission_names_who_granted_it():
    with as_clinic(CLINIC):
        permission = permit("who-5")

        with pytest.raises(IntegrityError, match="permission_names_who_granted_it"), transaction.atomic():
            Permission.objects.filter(pk=permission.pk).update(granted_by=" ")


@pytest.mark.django_db
def test_the_command_says_what_it_did(capsys):
    call_command("load_catalogue")

    assert f"0 published now, {len(catalogue.all())} as they were." in capsys.readouterr().out
