"""Fixtures of the tests in a real browser: a web server, a clinic in it, Chromium, and a clinician signed in."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import databases, servers
from tests.dashboard import scenario
from tests.dashboard.scenario import Site

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def server(template_database: str) -> Iterator[tuple[str, str]]:
    """One web server for all tests here; yields its address and the name of its database."""
    with databases.temporary(template_database) as name, servers.web(databases.addresses(name)) as url:
        yield url, name


@pytest.fixture
def site(server: tuple[str, str], django_db_blocker: Any) -> Site:
    with django_db_blocker.unblock():
        return scenario.site(*server)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """One process for all tests here; what a test opens in it is closed behind it, with its cookies."""
    yield chromium
    for context in chromium.contexts:
        context.close()


def sign_in(page: Page, site: Site) -> None:
    """Open the caseload in a session that has begun; the test of passkeys goes through the forms."""
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": site.token, "url": site.url}])
    page.goto(site.url)
    expect(page.get_by_role("heading", name="1 patient")).to_be_visible()
