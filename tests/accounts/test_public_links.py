"""Links in mails and on pages lead to PUBLIC_URL, whatever host the request named."""

import re

import pytest

from tests import factories
from tests.phone import token_of
from tests.servers import wait_until
from tracker.accounts import middleware
from tracker.clinics.models import Role

OURS, FORGED = "https://diary.example.org", "testserver.example.net"


@pytest.fixture
def forged(client, settings):
    """A browser whose requests name another host, one that the server lets through."""
    settings.PUBLIC_URL = OURS
    settings.ALLOWED_HOSTS = ["*"]
    client.defaults["HTTP_HOST"] = FORGED
    return client


@pytest.mark.parametrize("app", [True, False], ids=["app", "page"])
def test_a_reset_mail_of_a_request_with_a_forged_host_leads_to_the_public_url(world, forged, mailoutbox, app):
    email = world.ada.user.email

    if app:
        forged.post(
            "/_allauth/app/v1/auth/password/request", {"email": email}, content_type="application/json"
        )
    else:
        forged.post("/accounts/password/reset/", {"email": email})

    (mail,) = wait_until(lambda: mailoutbox, what="the mail")
    links = re.findall(r"https?://\S+", mail.body)
    assert links
    assert all(link.startswith(f"{OURS}/") for link in links)
    assert FORGED not in mail.body


def test_an_invitation_link_on_a_page_leads_to_the_public_url(world, forged, settings):
    forged.cookies[settings.SESSION_COOKIE_NAME] = token_of(
        factories.staff(world.clinic, "Eve", Role.ADMINISTRATOR).user
    )

    page = forged.post(
        "/staff/", {"name": "Finn", "role": "CLINICIAN", "team": str(world.team.pk)}
    ).content.decode()

    assert f"{OURS}/accounts/invitation/#" in page
    assert FORGED not in page


@pytest.mark.parametrize("who", ["ada", "nobody"])
def test_a_reset_takes_as_long_for_an_unknown_address_as_for_a_known_one(world, client, monkeypatch, who):
    waits: list[float] = []
    monkeypatch.setattr(middleware, "RESET_SECONDS", 1000)
    monkeypatch.setattr("tracker.accounts.middleware.time.sleep", waits.append)
    email = world.ada.user.email if who == "ada" else "nobody@example.org"

    client.post("/_allauth/app/v1/auth/password/request", {"email": email}, content_type="application/json")
    client.post("/accounts/password/reset/", {"email": email})

    # What is left of a fixed time, whatever was done in it.
    assert [900 < seconds < 1000 for seconds in waits] == [True, True]
