"""Staff need a second factor: no page without it, and one's own pages to set it up."""

import re
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.db import connection
from django.template.loader import get_template
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver, reverse

from tests import authenticator, factories
from tests.dashboard.conftest import NOW, sign_in, text
from tracker.accounts import second_factor
from tracker.accounts.models import Session
from tracker.dashboard import accounts

PAGES = ("/", "/alerts/", "/sessions/", "/patients/invite/", "/staff/")


def by_password(user) -> Client:
    browser = Client()
    answer = browser.post("/accounts/login/", {"login": user.email, "password": factories.PASSWORD})
    assert answer.status_code == 302
    return browser


def secret_on(page) -> str:
    found = re.search(r'<code class="secret">([A-Z2-7]+)</code>', page.content.decode())
    assert found
    return found.group(1)


def test_without_a_second_factor_staff_get_no_page_and_are_led_to_set_one_up(world, clock):
    browser = by_password(world.ben.user)

    for path in (*PAGES, f"/patients/{world.ada.pk}/"):
        answer = browser.get(path)
        assert (answer.status_code, answer["Location"]) == (302, f"/accounts/second-factor/?next={path}")
    assert browser.post(f"/patients/{world.ada.pk}/check-ins/").status_code == 302
    page = text(browser.get("/accounts/second-factor/"))
    assert page.index("Use a passkey (recommended)") < page.index("Use an authenticator app")


def test_an_authenticator_app_is_set_up_and_opens_the_pages(world, clock):
    browser = by_password(world.ben.user)
    page = browser.get("/accounts/2fa/totp/activate/")
    secret = secret_on(page)
    assert b"<svg" in page.content

    answer = browser.post("/accounts/2fa/totp/activate/", {"code": authenticator.totp_code(secret)})

    assert (answer.status_code, answer["Location"]) == (302, "/accounts/2fa/recovery-codes/")
    assert (
        len(re.findall(r"<li><code>\d{8}</code></li>", browser.get(answer["Location"]).content.decode()))
        == 10
    )
    assert "1 patient" in text(browser.get("/"))
    stored = str(Authenticator.objects.values_list("data", flat=True))
    assert secret not in stored


def test_a_wrong_code_sets_nothing_up(world, clock):
    browser = by_password(world.ben.user)
    browser.get("/accounts/2fa/totp/activate/")

    answer = browser.post("/accounts/2fa/totp/activate/", {"code": "000000"})

    assert "Incorrect code" in text(answer)
    assert second_factor.count(world.ben.user) == 0
    assert browser.get("/").status_code == 302


def test_who_has_a_second_factor_is_not_signed_in_before_it_is_shown(world, clock):
    authenticator.add_totp(world.ben.user)
    browser = by_password(world.ben.user)

    assert browser.get("/")["Location"].startswith("/accounts/login/")
    assert "Second factor" in text(browser.get("/accounts/2fa/authenticate/"))
    assert "Incorrect code" in text(browser.post("/accounts/2fa/authenticate/", {"code": "123"}))
    assert browser.get("/")["Location"].startswith("/accounts/login/")
    assert browser.post("/accounts/2fa/authenticate/", {"code": authenticator.totp_code()}).status_code == 302
    assert browser.get("/").status_code == 200


def test_a_session_from_before_the_factor_was_set_up_is_asked_for_it_and_adds_none(world, clock):
    """A stolen password alone, in a session that was open already, changes no factor."""
    browser = by_password(world.ben.user)
    authenticator.add_totp(world.ben.user)

    assert browser.get("/")["Location"].startswith("/accounts/second-factor/")
    for path in (
        "2fa/",
        "2fa/passkeys/add/",
        "2fa/totp/deactivate/",
        "2fa/recovery-codes/",
        "password/change/",
    ):
        answer = browser.get(f"/accounts/{path}")
        assert answer.status_code == 302, path
        assert answer["Location"].startswith("/accounts/second-factor/"), path
    assert browser.get("/accounts/second-factor/")["Location"].startswith("/accounts/2fa/reauthenticate/")
    cache.clear()
    answer = browser.post(
        "/accounts/2fa/reauthenticate/?next=/", {"code": authenticator.totp_code(), "next": "/"}
    )
    assert answer["Location"] == "/"
    assert browser.get("/").status_code == 200


def test_a_code_is_good_once_for_as_long_as_it_could_be_good(world, clock):
    authenticator.add_totp(world.ben.user)
    shown = authenticator.totp_code()
    first = by_password(world.ben.user)
    assert first.post("/accounts/2fa/authenticate/", {"code": shown}).status_code == 302
    assert first.get("/").status_code == 200

    clock.shift(timedelta(seconds=31))
    second = by_password(world.ben.user)

    assert "Incorrect code" in text(second.post("/accounts/2fa/authenticate/", {"code": shown}))


def test_a_recovery_code_stands_in_for_a_lost_factor_once(world, clock):
    browser = by_password(world.ben.user)
    secret = secret_on(browser.get("/accounts/2fa/totp/activate/"))
    browser.post("/accounts/2fa/totp/activate/", {"code": authenticator.totp_code(secret)})
    code = re.findall(r"<code>(\d{8})</code>", browser.get("/accounts/2fa/recovery-codes/").content.decode())[
        0
    ]

    first, second = by_password(world.ben.user), by_password(world.ben.user)

    assert first.post("/accounts/2fa/authenticate/", {"code": code}).status_code == 302
    assert first.get("/").status_code == 200
    assert "Incorrect code" in text(second.post("/accounts/2fa/authenticate/", {"code": code}))


def test_the_last_factor_of_staff_stays(world, ben):
    assert "only second factor" in text(ben.get("/accounts/2fa/totp/deactivate/"))
    ben.post("/accounts/2fa/totp/deactivate/")

    assert second_factor.count(world.ben.user) == 1


def test_a_patient_may_have_a_second_factor_and_need_not(world, clock):
    browser = sign_in(world.ada.user)
    assert browser.get("/").status_code == 200
    secret = secret_on(browser.get("/accounts/2fa/totp/activate/"))
    browser.post("/accounts/2fa/totp/activate/", {"code": authenticator.totp_code(secret)})
    assert second_factor.count(world.ada.user) == 1

    browser.post("/accounts/2fa/totp/deactivate/")

    assert second_factor.count(world.ada.user) == 0


def test_the_poll_of_a_screen_left_open_keeps_nobody_signed_in(world, ben, clock):
    for minute in range(1, 15):
        clock.move_to(NOW + timedelta(minutes=minute))
        assert ben.get("/alerts/").status_code == 200, minute

    clock.move_to(NOW + timedelta(minutes=15))

    assert ben.get("/alerts/").status_code == 302
    assert ben.get("/").status_code == 302


def test_a_look_at_a_page_does(world, ben, clock):
    for minute in range(10, 100, 10):
        clock.move_to(NOW + timedelta(minutes=minute))
        assert ben.get("/").status_code == 200, minute


def test_changing_sign_in_needs_a_fresh_proof(world, ben, clock):
    assert ben.get("/accounts/2fa/passkeys/add/").status_code == 200
    clock.move_to(NOW + timedelta(minutes=5, seconds=1))

    answer = ben.get("/accounts/2fa/passkeys/add/")

    assert answer.status_code == 302
    assert "reauthenticate" in answer["Location"]
    asked = ben.get(answer["Location"])
    assert "last five minutes" in text(asked)
    answer = ben.post(answer["Location"], {"password": factories.PASSWORD})
    assert ben.get("/accounts/2fa/passkeys/add/").status_code == 200


def test_a_new_password_ends_the_other_sessions_at_once(world, ben, clock):
    elsewhere = sign_in(world.ben.user)
    new = "another long passphrase"

    answer = ben.post(
        "/accounts/password/change/", {"oldpassword": factories.PASSWORD, "password1": new, "password2": new}
    )

    assert answer.status_code == 302, text(answer)
    assert ben.get("/").status_code == 200
    assert Session.objects.filter(user=world.ben.user).count() == 1
    assert elsewhere.get("/").status_code == 302


def test_where_one_is_signed_in_is_listed_and_ended(world, ben):
    elsewhere = sign_in(world.ben.user)
    page = ben.get("/sessions/")
    assert "Where you are signed in" in text(page)
    other = re.findall(r"/sessions/([0-9a-f-]{36})/end/", page.content.decode())
    assert len(other) == 1

    answer = ben.post(f"/sessions/{other[0]}/end/", follow=True)

    assert "That sign-in has ended." in text(answer)
    assert elsewhere.get("/").status_code == 302
    assert ben.post(f"/sessions/{other[0]}/end/").status_code == 404


@pytest.mark.parametrize(
    "credential", ["", "{", "5", "[]", "{}", '{"id": 5}', '{"id":"x","rawId":"x","type":"public-key","response":{}}',
                   '{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"AA","attestationObject":"AA"}}',
                   '{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA",'
                   '"signature":"AA","userHandle":"AA"}}', "null", '"\\ud800"'],
)  # fmt: skip
@pytest.mark.parametrize("path", ["2fa/passkeys/add/", "2fa/passkeys/login/", "2fa/passkeys/reauthenticate/"])
def test_a_made_up_passkey_breaks_nothing(world, ben, path, credential):
    browser = Client() if "login" in path else ben
    browser.get(f"/accounts/{path}", headers={"Accept": "application/json"})

    answer = browser.post(f"/accounts/{path}", {"credential": credential, "name": "x"})

    assert answer.status_code in {200, 302}
    assert not Authenticator.objects.filter(type=Authenticator.Type.WEBAUTHN).exists()


def test_every_page_of_sign_in_is_ours_and_every_other_route_of_the_library_is_off(world, ben):
    ours = "tracker/dashboard/templates/"
    names = set()
    for route in accounts.urlpatterns:
        view = getattr(route.callback, "view_class", None)
        template = getattr(view, "template_name", None)
        for name in [template] if isinstance(template, str) else template or []:
            origin = get_template(name).origin  # type: ignore[attr-defined]
            assert ours in str(origin.name), (route.name, name)
            names.add(name)
    assert len(names) > 12
    for name in ("account_email", "account_set_password", "mfa_download_recovery_codes"):
        assert ben.get(reverse(name)).status_code == 404
    for path in ("email/", "confirm-email/", "3rdparty/", "phone/verify/", "login/code/", "2fa/trust/"):
        assert ben.get(f"/accounts/{path}").status_code == 404, path


def test_the_phones_sign_in_has_no_other_routes_than_those_listed(client, db):
    assert (
        client.post("/_allauth/app/v1/auth/signup", "{}", content_type="application/json").status_code == 404
    )
    for path in (
        "account/email",
        "account/phone",
        "auth/code/request",
        "auth/email/verify",
        "tokens/refresh",
    ):
        assert client.get(f"/_allauth/app/v1/{path}").status_code == 404, path
    assert client.get("/_allauth/app/v1/config").status_code == 200
    assert get_resolver()


def test_an_administrator_invites_a_colleague_who_comes_in_and_sets_up_a_factor(world, clock):
    eve = sign_in(world.eve.user)
    page = eve.post("/staff/", {"name": "Gil", "role": "CLINICIAN", "team": str(world.team.pk)})
    code = re.search(r'class="code">([A-Z0-9-]{19})<', page.content.decode())
    assert code
    assert "shown only now" in text(page)
    assert code.group(1) not in text(eve.get("/staff/"))

    gil = Client()
    wrong = gil.post(
        "/accounts/invitation/", {"code": "2222", "email": "gil@example.org", "password": factories.PASSWORD}
    )
    assert (wrong.status_code, "does not fit" in text(wrong)) == (422, True)
    answer = gil.post(
        "/accounts/invitation/",
        {"code": code.group(1), "email": "gil@example.org", "password": factories.PASSWORD},
    )

    assert answer["Location"] == "/accounts/login/"
    gil.post("/accounts/login/", {"login": "gil@example.org", "password": factories.PASSWORD})
    assert gil.get("/")["Location"].startswith("/accounts/second-factor/")
    secret = secret_on(gil.get("/accounts/2fa/totp/activate/"))
    gil.post("/accounts/2fa/totp/activate/", {"code": authenticator.totp_code(secret)})
    assert "Ada" in text(gil.get("/"))


def test_the_team_enrols_a_patient_and_gives_her_another_code(world, ben):
    given = {
        "name": "Fay",
        "birth_date": "1980-02-29",
        "team": str(world.team.pk),
        "time_zone": factories.ZONE,
    }
    page = ben.post("/patients/invite/", given)
    first = re.search(r'class="code">([A-Z0-9-]{9})<', page.content.decode())
    again = re.search(r"/patients/invite/([0-9a-f-]{36})/", page.content.decode())
    assert first
    assert again
    page = ben.post(f"/patients/invite/{again.group(1)}/")
    second = re.search(r'class="code">([A-Z0-9-]{9})<', page.content.decode())

    assert second
    assert second.group(1) != first.group(1)
    assert "Fay" in text(ben.get("/"))
    assert ben.get("/staff/").status_code == 403


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"birth_date": "1899-12-31"}, {"birth_date": "2100-01-01"}, {"time_zone": "Mars/Olympus"},
              {"team": "00000000-0000-0000-0000-000000000000"}, {"team": "x"}, {"name": "\x00"}],
)  # fmt: skip
def test_a_mistake_in_an_enrolment_comes_back_with_the_form(world, ben, wrong):
    given = {
        "name": "Fay",
        "birth_date": "1980-02-29",
        "team": str(world.team.pk),
        "time_zone": factories.ZONE,
    }

    assert ben.post("/patients/invite/", given | wrong).status_code == 422


def test_an_administrator_switches_a_colleague_off(world, clock):
    eve, ben = sign_in(world.eve.user), sign_in(world.ben.user)

    answer = eve.post(f"/staff/{world.ben.pk}/switch-off/", follow=True)

    assert "The account is switched off" in text(answer)
    assert "switched off" in text(answer)
    assert ben.get("/").status_code == 302
    assert eve.post(f"/staff/{world.finn.pk}/switch-off/").status_code == 404
    assert eve.post(f"/staff/{world.eve.pk}/switch-off/").status_code == 404


def test_a_session_is_read_in_one_statement_however_often_it_is_asked(world, ben):
    with CaptureQueriesContext(connection) as queries:
        ben.get("/sessions/")

    assert sum("session_data, device_id" in query["sql"] for query in queries) == 1
