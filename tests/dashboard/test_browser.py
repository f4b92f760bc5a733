"""A clinician's morning in a real browser, against a real web server: by keyboard, narrow, without script."""

import re
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from tests import authenticator, factories
from tests.dashboard.browsers import sign_in
from tests.dashboard.scenario import Site

# A page that comes late on a busy machine is no wrong page.
expect.set_options(timeout=20_000)


def sign_in_by_form(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.get_by_label("Email").fill(site.email)
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_label("Code of your").fill(authenticator.totp_code())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="1 patient")).to_be_visible()


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the element with this name has the focus, as somebody without a mouse would."""
    for _ in range(30):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "() => document.activeElement.getAttribute('aria-label') || document.activeElement.textContent.trim()"
        )
        if focused.startswith(name):
            return
    raise AssertionError(f"{name} cannot be reached by keyboard")


def test_a_nurse_sees_the_alert_and_acknowledges_it_by_keyboard(site, browser):
    page = browser.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda problem: faults.append(str(problem)))
    sign_in(page, site)
    expect(page.get_by_role("heading", name="1 open alert")).to_be_visible()
    expect(page.get_by_text("PHQ-9 item 9")).to_be_visible()

    tab_to(page, "Acknowledge: Ada")
    ring = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
    page.keyboard.press("Enter")

    assert ring == "solid"
    expect(page.get_by_text("Acknowledged. The alert is in your name now.")).to_be_visible()
    expect(page.get_by_role("heading", name="No open alerts")).to_be_visible()
    assert faults == []


def test_a_page_left_open_learns_of_a_new_alert_by_itself(site, browser):
    context = browser.new_context()
    page = context.new_page()
    page.clock.install()
    sign_in(page, site)
    other = context.new_page()
    other.goto(site.url)
    other.get_by_role("button", name="Acknowledge: Ada").click()
    expect(other.get_by_role("heading", name="No open alerts")).to_be_visible()

    page.clock.run_for(61_000)

    expect(page.get_by_role("heading", name="No open alerts")).to_be_visible()
    assert page.title().startswith("Caseload")


def test_a_page_that_gets_no_answer_says_since_when_and_recovers(site, browser):
    context = browser.new_context()
    page = context.new_page()
    page.clock.install()
    sign_in(page, site)
    warning = page.get_by_role("alert")
    said = page.get_by_role("status")

    context.set_offline(True)
    page.clock.run_for(90_000)
    expect(warning).to_have_count(0)
    page.clock.run_for(60_000)

    expect(warning).to_be_visible()
    expect(warning).to_have_text(re.compile(r"^These alerts may be out of date since \d\d:\d\d: "))
    expect(page.locator("#alerts").get_by_role("alert")).to_have_count(1)

    context.set_offline(False)
    # Past the third minute, when it asks again, and not past its patience with that answer.
    page.clock.run_for(35_000)

    expect(warning).to_have_count(0)
    expect(said).to_contain_text("The alerts are up to date again.")
    expect(page.get_by_role("heading", name="1 open alert")).to_be_visible()


@pytest.mark.parametrize(
    ("status", "body"), [(503, "Unavailable"), (200, "<html><p>A proxy's own page.</p></html>")]
)
def test_an_answer_without_the_alerts_is_none(site, browser, status, body):
    page = browser.new_page()
    page.clock.install()
    sign_in(page, site)
    page.route("**/alerts/", lambda route: route.fulfill(status=status, body=body))

    page.clock.run_for(150_000)

    expect(page.get_by_role("alert")).to_contain_text("may be out of date since")


def test_no_page_is_wider_than_its_screen(site, browser):
    page = browser.new_page()
    sign_in(page, site)
    pages = [page.url]
    page.get_by_role("rowheader", name="Ada").get_by_role("link").click()
    expect(page.get_by_role("img", name="Pain: average pain")).to_be_visible()
    pages.append(page.url)

    for width in (320, 360, 861, 1001, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        for address in pages:
            page.goto(address)
            assert page.evaluate("() => document.documentElement.scrollWidth") <= width, (address, width)


def test_everything_works_without_script(site, browser):
    page = browser.new_page(java_script_enabled=False)
    sign_in(page, site)

    page.get_by_role("rowheader", name="Ada").get_by_role("link").click()
    page.get_by_role("link", name="4 weeks").click()
    expect(page.get_by_role("link", name="4 weeks")).to_have_attribute("aria-current", "true")
    page.get_by_role("button", name="Acknowledge: Ada").click()

    expect(page.get_by_text("The alert is in your name now.")).to_be_visible()
    expect(page.get_by_role("heading", name="Ada")).to_be_visible()


# WCAG 2.1: text against what is behind it, and its AA limits.
CONTRAST = """
() => {
  const channel = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const read = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = read(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const box = element.getBoundingClientRect();
    if (!own || !box.width || !box.height) continue;
    const style = getComputedStyle(element);
    const colour = read(element.namespaceURI.endsWith("svg") ? style.fill : style.color).slice(0, 3);
    const [a, b] = [light(colour), light(behind(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const large = parseFloat(style.fontSize) >= 24;
    if (ratio < (large ? 3 : 4.5)) poor.push(`${element.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return poor;
}
"""


def test_every_text_stands_out_from_its_ground_in_light_and_dark(site, browser):
    page = browser.new_page()
    page.goto(site.url)
    assert poor(page) == []
    sign_in(page, site)
    assert poor(page) == []
    page.get_by_role("rowheader", name="Ada").get_by_role("link").click()
    expect(page.get_by_role("img", name="Pain: average pain")).to_be_visible()

    assert poor(page) == []


def poor(page: Page) -> list[str]:
    """The texts of a page that are hard to read, in either scheme."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found += [f"{scheme}: {text}" for text in page.evaluate(CONTRAST)]
    return found


def test_a_passkey_is_made_and_signs_in_by_itself(site, browser):
    """A real ceremony: the browser's own authenticator, a real key pair."""
    page = browser.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    # Passkeys belong to a host name, never to a number.
    host = site.url.replace("127.0.0.1", "localhost")
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
                "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True,
            }
        },
    )  # fmt: skip
    sign_in_by_form(page, replace(site, url=host))
    page.goto(f"{host}/accounts/2fa/passkeys/add/")
    page.get_by_role("button", name="Make the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.goto(f"{host}/accounts/2fa/")
    expect(page.get_by_text("passkey, since")).to_be_visible()
    page.goto(host)
    page.get_by_role("button", name="Sign out").click()

    page.goto(host)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="1 patient")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()

    page.goto(host)
    page.get_by_label("Email").fill(site.email)
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Use your passkey").click()
    expect(page.get_by_role("heading", name="1 patient")).to_be_visible()
    assert faults == []


def test_every_page_of_sign_in_is_legible_and_fits_a_narrow_screen(site, browser):
    page = browser.new_page(viewport={"width": 360, "height": 780})
    found = []
    for path in ("login/", "password/reset/", "invitation/", "password/reset/done/", "inactive/", "signup/"):
        page.goto(f"{site.url}/accounts/{path}")
        found += [f"{path}: {text}" for text in poor(page)]
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 360, path
    sign_in(page, site)
    for path in (
        "accounts/2fa/", "accounts/2fa/passkeys/add/", "accounts/2fa/totp/deactivate/", "accounts/password/change/",
        "accounts/reauthenticate/", "sessions/", "patients/invite/",
    ):  # fmt: skip
        page.goto(f"{site.url}/{path}")
        found += [f"{path}: {text}" for text in poor(page)]
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 360, path

    assert found == []
