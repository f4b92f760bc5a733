"""One normal form of passwords and addresses: what joining takes, sign-in, reset and change take too."""

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client

from tests import factories
from tests.api.test_sign_in import accept, enrolled
from tests.hashers import count_hashes
from tests.phone import Phone
from tests.servers import wait_until
from tracker.accounts import addresses, passwords
from tracker.accounts.models import AccountKind, User
from tracker.sync import item_names

COMPOSED = unicodedata.normalize("NFC", "Größe-ångström-é")
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)
# As it is typed at one entrance, and as at another.
SPELLINGS = [
    ("Quiet-harbour-x", "Quiet-harbour-x"),
    ("Quiet-harbour-x ", "Quiet-harbour-x "),
    ("Quiet-harbour-x ", "Quiet-harbour-x"),
    ("Quiet-harbour-x", "\tQuiet-harbour-x \n"),
    ("  Quiet harbour x", "Quiet harbour x"),
    ("Quiet\u00a0harbour\u3000x", "Quiet harbour x"),
    (DECOMPOSED, COMPOSED),
    (COMPOSED, DECOMPOSED),
    ("Quiet-harbour-\ufb01sh", "Quiet-harbour-fish"),
    ("\uff31uiet-harbour-x", "Quiet-harbour-x"),
    ("Quiet-harbour-\u1100\u1161", "Quiet-harbour-\uac00"),
]
DIFFERENT = [
    ("Quiet-harbour-x", "quiet-harbour-x"),
    ("Quiet harbour x", "Quiet  harbour x"),
    (COMPOSED, "Grosse-angstrom-e"),
]


def post(path: str, body: dict[str, str], token: str = "") -> tuple[int, dict[str, Any]]:
    headers = {"X-Session-Token": token} if token else {}
    answer = Client().post(f"/_allauth/app/v1{path}", json.dumps(body), "application/json", headers=headers)
    return answer.status_code, answer.json()


def signs_in(password: str, email: str) -> str:
    """The token of a sign-in; empty if it is refused."""
    status, body = post("/auth/login", {"email": email, "password": password})
    return body["meta"]["session_token"] if status == 200 else ""


def on_page(password: str, email: str) -> bool:
    answer = Client().post("/accounts/login/", {"login": email, "password": password})
    return answer.status_code == 302


@pytest.mark.parametrize(("joined", "typed"), SPELLINGS)
def test_a_password_that_joining_takes_signs_in_however_it_is_spelt(world, client, joined, typed):
    assert accept(client, code=enrolled(world), password=joined).status_code == 201

    token = signs_in(typed, "fay@example.org")

    assert token
    assert on_page(typed, "fay@example.org")
    status, _ = post("/auth/reauthenticate", {"password": typed}, token)
    assert status == 200


@pytest.mark.parametrize(("joined", "typed"), DIFFERENT)
def test_another_password_is_not_let_in_by_its_likeness(db, joined, typed):
    User.objects.create_user("ada@example.org", joined, kind=AccountKind.PATIENT)

    assert not signs_in(typed, "ada@example.org")


OLD_HASHES = [
    ("Quiet-harbour-x ", "Quiet-harbour-x "),
    (DECOMPOSED, DECOMPOSED),
    (COMPOSED, COMPOSED),
    (COMPOSED, DECOMPOSED),
]


@pytest.mark.parametrize(("old", "typed"), OLD_HASHES)
def test_a_hash_of_a_password_as_it_was_typed_is_still_met(world, old, typed):
    User.objects.filter(pk=world.ada.user_id).update(password=make_password(old))

    token = signs_in(typed, world.ada.user.email)

    assert token
    assert on_page(typed, world.ada.user.email)
    assert post("/auth/reauthenticate", {"password": typed}, token)[0] == 200


@pytest.mark.parametrize(("chosen", "typed"), SPELLINGS)
def test_a_changed_password_signs_in_however_it_is_spelt(world, chosen, typed):
    phone = Phone(world.ada.user)
    headers = phone.headers
    body = {"current_password": f" {factories.PASSWORD} ", "new_password": chosen}

    answer = Client().post(
        "/_allauth/app/v1/account/password/change", json.dumps(body), "application/json", headers=headers
    )

    assert answer.status_code in {200, 401}
    assert signs_in(typed, world.ada.user.email)
    assert not signs_in(factories.PASSWORD, world.ada.user.email)


@pytest.mark.parametrize("chosen", ["Quiet-harbour-x ", DECOMPOSED])
def test_a_password_that_was_reset_signs_in_however_it_is_spelt(
    world, client, settings, tmp_path: Path, chosen
):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    client.post("/accounts/password/reset/", {"email": f" {world.ada.user.email.upper()} "})
    letter = wait_until(lambda: next(iter(tmp_path.iterdir()), None), what="the letter")
    wait_until(lambda: "/key/" in letter.read_text(), what="the link")
    link = re.search(rf"{settings.PUBLIC_URL}(/accounts/password/reset/key/\S+)", letter.read_text())
    assert link
    browser = Client()
    form = browser.get(link.group(1), follow=True).redirect_chain[-1][0]

    browser.post(form, {"password1": chosen, "password2": chosen})

    assert signs_in(passwords.normal_form(chosen), world.ada.user.email)
    assert signs_in(chosen, world.ada.user.email)


@pytest.mark.parametrize("weak", ["short       ", " \t   \n      ", "\uff50assword1234", "\u3000" * 12])
def test_blanks_and_other_widths_make_no_password_longer_or_less_common(world, client, weak):
    answer = accept(client, code=enrolled(world), password=weak)

    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [
        ("/password", "too_weak")
    ]


def test_a_wrong_password_costs_the_same_for_known_and_unknown_accounts_however_it_is_spelt(
    world, monkeypatch
):
    asked = count_hashes(monkeypatch)
    costs = []
    for email in (world.ada.user.email, "nobody@example.org"):
        for password in ("wrong password", "wrong password ", DECOMPOSED):
            asked.clear()
            signs_in(password, email)
            costs.append(len(asked))

    assert costs == [1, 2, 2, 1, 2, 2]


ADDRESSES = [
    ("fay@example.org", "Fay@Example.ORG"),
    (" Fay@example.org ", "fay@example.org"),
    ("fay@example.org", "\tfay@example.org "),
    ("fay@münchen.example", "fay@MÜNCHEN.example"),
    ("fay@münchen.example", "fay@xn--mnchen-3ya.example"),
    ("fay@xn--mnchen-3ya.example", "fay@mu\u0308nchen.example"),
    ("o'neill+x@example.org", "O'Neill+x@example.org"),
]


@pytest.mark.parametrize(("joined", "typed"), ADDRESSES)
def test_an_address_that_joining_takes_signs_in_however_it_is_spelt(world, client, joined, typed):
    password = "a long new passphrase"

    assert accept(client, code=enrolled(world), email=joined, password=password).status_code == 201

    assert signs_in(password, typed)
    assert on_page(password, typed)


@pytest.mark.parametrize(
    "typed", ["fay@MÜNCHEN.example", "fay@xn--mnchen-3ya.example", " Fay@münchen.example"]
)
def test_a_reset_goes_to_an_address_however_it_is_spelt(db, settings, tmp_path: Path, client, typed):
    User.objects.create_user("fay@münchen.example", factories.PASSWORD, kind=AccountKind.PATIENT)
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)

    client.post("/accounts/password/reset/", {"email": typed})

    letter = wait_until(lambda: next(iter(tmp_path.iterdir()), None), what="the letter")
    wait_until(lambda: "/key/" in letter.read_text(), what="the link")
    assert "xn--mnchen-3ya.example" in letter.read_text()


@pytest.mark.parametrize(
    "wrong", ["fay@exa_mple.org", "fay@x..org", 'a"b@x.org', "ada@x.org.", "fäy@x.org", "fay"]
)
def test_joining_takes_no_address_that_sign_in_does_not(world, client, wrong):
    answer = accept(client, code=enrolled(world), email=wrong)

    assert [error["pointer"] for error in answer.json()["errors"]] == ["/email"]
    assert post("/auth/login", {"email": wrong, "password": "x"})[1]["errors"][0]["param"] == "email"


def test_the_normal_form_is_its_own_normal_form():
    for password, _ in [*SPELLINGS, *DIFFERENT]:
        assert passwords.normal_form(passwords.normal_form(password)) == passwords.normal_form(password)
    for address, _ in ADDRESSES:
        assert addresses.normal_form(addresses.normal_form(address)) == addresses.normal_form(address)


def test_tries_are_counted_for_the_account_however_its_address_is_spelt(db):
    spellings = [
        "fay@münchen.example",
        "FAY@MÜNCHEN.example",
        "fay@xn--mnchen-3ya.example",
        " fay@münchen.example",
    ]

    statuses = [post("/auth/login", {"email": spellings[n % 4], "password": "wrong"})[0] for n in range(11)]

    assert statuses == [400] * 10 + [429]


def test_a_long_row_of_combining_marks_is_not_put_in_order():
    """Its time grows with the square of the marks: one sign-in of a megabyte stopped a web process for hours."""
    marks = "a" + "\u0301" * 200_000 + "\u0316" * 200_000

    assert passwords.normal_form(marks) is marks
    assert addresses.normal_form(marks) is marks
    assert item_names.fold(marks) == "a"
