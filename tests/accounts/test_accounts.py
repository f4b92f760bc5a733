"""Accounts and the application's role: one address is one person, and the role owns nothing."""

import pytest
from django.contrib.auth.hashers import check_password
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from backend import settings as product_settings
from tests import factories
from tracker.accounts.models import AccountKind, User
from tracker.accounts.sessions import SessionStore, key_hash


def test_an_email_address_is_lower_cased_and_found_however_it_is_typed(db):
    user = User.objects.create_user(" Ada@Example.ORG ", factories.PASSWORD, kind=AccountKind.STAFF)

    assert user.email == "ada@example.org"
    assert User.objects.get_by_natural_key("ADA@example.org") == user
    assert user.check_password(factories.PASSWORD)


def test_one_address_is_one_person(db):
    User.objects.create_user("ada@example.org", factories.PASSWORD, kind=AccountKind.PATIENT)

    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user("ADA@example.org", factories.PASSWORD, kind=AccountKind.PATIENT)


def test_a_password_is_kept_by_argon2_alone(db, settings):
    settings.PASSWORD_HASHERS = product_settings.PASSWORD_HASHERS

    user = User.objects.create_user("ada@example.org", factories.PASSWORD, kind=AccountKind.PATIENT)

    # 100 MB and two passes for each try, in one lane: what makes a stolen table of little use.
    assert user.password.startswith("argon2$argon2id$v=19$m=102400,t=2,p=1$")
    assert check_password(factories.PASSWORD, user.password)


def test_a_session_is_found_by_its_key_and_not_by_what_stands_in_the_table(db):
    session = SessionStore()
    session["who"] = "Ada"
    session.save()
    key = session.session_key
    assert key is not None

    assert SessionStore(key)["who"] == "Ada"
    assert SessionStore(key_hash(key)).get("who") is None
    assert SessionStore().exists(key)
    assert not SessionStore().exists(key_hash(key))

    session.delete()
    assert SessionStore(key).get("who") is None


def test_rights_are_not_given_to_a_role_that_is_not_there(db):
    with pytest.raises(CommandError, match="no role nobody-at-all"):
        call_command("grant_app_role", role="nobody-at-all")


def test_rights_are_not_given_to_a_role_that_owns_the_tables(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'clinics_patient'")
        owner = cursor.fetchone()[0]

    with pytest.raises(CommandError, match="row security"):
        call_command("grant_app_role", role=owner)


def test_rights_are_not_granted_to_a_role_that_bypasses_row_level_security(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolsuper LIMIT 1")
        powerful = cursor.fetchone()[0]

    with pytest.raises(CommandError, match="is a superuser, makes roles or bypasses row security"):
        call_command("grant_app_role", role=powerful)
