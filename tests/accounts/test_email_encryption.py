"""E-mail addresses stand in the database encrypted, are found as a whole, and go under a new key with the rest."""

import pytest
from django.core.exceptions import FieldError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from tests import factories
from tests.architecture.test_rls import rows
from tracker.accounts import email_encryption
from tracker.accounts.models import AccountKind, User
from tracker.lib import app_secrets, encryption


def stored(user: User) -> str:
    return str(rows("SELECT email FROM accounts_user WHERE id = %s", user.pk)[0][0])


@pytest.fixture
def fay(db) -> User:
    return User.objects.create_user(" Fay@Example.org ", "a long new passphrase", kind=AccountKind.PATIENT)


@pytest.fixture
def new_key(settings):
    settings.MASTER_KEYS_OLD = {settings.MASTER_KEY_ID: settings.MASTER_KEY}
    former, settings.MASTER_KEY_ID, settings.MASTER_KEY = settings.MASTER_KEY_ID, "m9", b"9" * 32
    return former


def test_an_email_address_is_encrypted_in_the_database_and_decrypted_by_the_product(fay):
    assert "fay" not in stored(fay).lower()
    assert User.objects.get(pk=fay.pk).email == "fay@example.org"


@pytest.mark.parametrize("given", ["fay@example.org", "FAY@example.ORG"])
def test_a_user_is_found_by_the_encrypted_email_address_in_any_case(fay, given):
    assert User.objects.get(email=given) == fay
    assert User.objects.get(email__iexact=given) == fay
    assert User.objects.get(email__in=[given, "x@example.org"]) == fay
    assert User.objects.get_by_natural_key(given) == fay
    assert not User.objects.filter(email="ay@example.org").exists()


@pytest.mark.parametrize("lookup", ["contains", "istartswith", "gt", "regex"])
def test_an_encrypted_email_address_cannot_be_searched_by_a_part(lookup):
    with pytest.raises(FieldError):
        User.objects.filter(**{f"email__{lookup}": "fay"})


def test_an_address_is_somebodys_once_whatever_its_case(fay):
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(email="FAY@example.org", kind=AccountKind.PATIENT)


def test_the_database_refuses_an_email_address_that_is_not_encrypted(fay):
    with (
        pytest.raises(IntegrityError, match="user_email_is_encrypted"),
        transaction.atomic(),
        connection.cursor() as c,
    ):
        c.execute("UPDATE accounts_user SET email = 'fay@example.org' WHERE id = %s", [fay.pk])


@pytest.mark.parametrize("change", [lambda text: text[:-6] + "AAAA==", lambda _: "m1:QUJD", lambda _: "m1:-"])
def test_a_changed_ciphertext_raises_and_reads_as_nothing(fay, change):
    with pytest.raises(encryption.DecryptionError):
        app_secrets.decrypt_deterministic("accounts_user.email", change(stored(fay)))


def test_a_user_is_found_before_during_and_after_a_key_rotation_of_email_addresses(fay, new_key, settings):
    other = factories.user("new")
    assert (User.objects.get(email="fay@example.org"), email_encryption.count_outdated()) == (fay, 1)
    with pytest.raises(CommandError, match="rotate first"):
        call_command("keys", "retire", new_key)

    assert (
        email_encryption.reencrypt().done,
        email_encryption.reencrypt().done,
        email_encryption.count_outdated(),
    ) == (1, 0, 0)

    settings.MASTER_KEYS_OLD = {}
    assert User.objects.get(email="fay@example.org").email == "fay@example.org"
    assert User.objects.get(email=other.email) == other
