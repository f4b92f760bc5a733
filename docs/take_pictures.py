"""
Take the pictures of the documentation from a running server that has the demo loaded.

    ./dev up --detach
    .venv/bin/python docs/take_pictures.py --url http://127.0.0.1:8000 --sign-ins var/sign_ins.json

Needs Chromium (Debian: apt-get install chromium). Every person in the pictures is simulated, but for the
diary of the patient whose sign-in carries the note ``real diary``, which is published data (README).
"""

import argparse
import base64
import hmac
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).resolve().parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 780}
TABLET = {"width": 1180, "height": 820}
# Whose treatment session is under way when the demo has been loaded just now (tracker/demo/treatment_sessions.py).
UNDER_WAY, TREATED_BY = "Gijs de Groot", "ben@"


def sign_in(browser: Browser, url: str, who: dict[str, Any], **look: Any) -> Page:
    page = browser.new_page(**look)
    page.goto(f"{url}/accounts/login/")
    page.get_by_label("Email").fill(who["email"])
    page.get_by_label("Password").fill(who["password"])
    page.keyboard.press("Enter")
    show_code(page, who["authenticator"])
    page.get_by_role("heading", name="patient").first.wait_for()
    return page


def show_code(page: Page, authenticator: str) -> None:
    """Answer with the authenticator app's code; one that was used for a sign-in before is waited out."""
    field = page.get_by_label("Code of your")
    field.wait_for()
    while field.count():
        secret = parse_qs(urlsplit(authenticator).query)["secret"][0]
        digest = hmac.digest(base64.b32decode(secret), (int(time.time()) // 30).to_bytes(8, "big"), "sha1")
        start = digest[-1] & 15
        field.fill(f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 10**6:06d}")
        page.keyboard.press("Enter")
        page.wait_for_load_state("networkidle")
        if field.count():
            page.wait_for_timeout(10_000)


def who_sees(browser: Browser, url: str, people: list[dict[str, Any]], patient: str) -> dict[str, Any]:
    """Return the member of staff in whose caseload the patient is."""
    for who in people:
        if who["role"] in {"clinician", "coordinator"}:
            page = sign_in(browser, url, who)
            found = page.get_by_role("rowheader", name=patient, exact=True).count()
            page.context.close()
            if found:
                return who
    raise SystemExit(f"Nobody in the list of sign-ins sees {patient}.")


def open_patient(page: Page, name: str) -> None:
    page.get_by_role("rowheader", name=name, exact=True).get_by_role("link").click()
    page.get_by_role("link", name="All", exact=True).click()
    page.locator("#timeline [aria-current]", has_text="All").wait_for()
    page.evaluate("() => { document.activeElement.blur(); scrollTo(0, 0); }")


def open_session(page: Page, name: str) -> None:
    """Open the newest treatment session of a patient."""
    page.get_by_role("rowheader", name=name, exact=True).get_by_role("link").click()
    page.get_by_role("link", name="Treatment sessions", exact=True).click()
    page.get_by_role("rowheader").get_by_role("link").first.click()
    page.locator("#live").wait_for()


def down_to(page: Page, selector: str) -> Any:
    """The part of the page from its top to the end of an element."""
    box = page.locator(selector).bounding_box()
    assert box is not None
    return {"x": 0, "y": 0, "width": WIDE["width"], "height": box["y"] + box["height"] + 20}


def take(browser: Browser, url: str, people: list[dict[str, Any]], out: Path) -> None:
    diarist = next(who["name"] for who in people if who["role"] == "patient" and "real diary" in who["note"])
    who = who_sees(browser, url, people, diarist)

    page = sign_in(browser, url, who, viewport=WIDE, color_scheme="light")
    page.screenshot(path=out / "caseload.png")
    open_patient(page, diarist)
    page.screenshot(path=out / "patient.png", clip=down_to(page, ".panel:nth-of-type(5)"), full_page=True)

    page = sign_in(browser, url, who, viewport=NARROW, color_scheme="dark")
    page.screenshot(path=out / "caseload-narrow-dark.png")
    open_patient(page, diarist)
    page.evaluate("() => document.querySelector('#timeline').scrollIntoView()")
    page.screenshot(path=out / "patient-narrow-dark.png")

    nurse = next(each for each in people if each["email"].startswith(TREATED_BY))
    page = sign_in(browser, url, nurse, viewport=TABLET, color_scheme="light", has_touch=True)
    open_session(page, UNDER_WAY)
    page.screenshot(path=out / "treatment-session.png")


def main() -> None:
    parser = argparse.ArgumentParser(description="Take the pictures of the documentation.")
    parser.add_argument("--url", required=True)
    parser.add_argument("--sign-ins", required=True, type=Path)
    parser.add_argument("--out", type=Path, default=HERE / "images")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    people = json.loads(given.sign_ins.read_text())
    given.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=given.chromium, args=FLAGS)
        take(browser, given.url.rstrip("/"), people, given.out)
        browser.close()


if __name__ == "__main__":
    main()
