"""A treatment session on a tablet, in a real browser: by touch, by keyboard, by two at once, with the line cut."""

import re
from datetime import timedelta
from typing import Any

from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from tests.dashboard.browsers import sign_in
from tests.dashboard.scenario import Site

TABLET: Any = {
    "viewport": {"width": 1024, "height": 1366},
    "has_touch": True,
    "timezone_id": "Europe/Amsterdam",
}
expect.set_options(timeout=20_000)


def plan(page: Page, site: Site, *, minutes_ago: int = 0) -> str:
    """Plan a session with Ada, as the page does; return the address of its page."""
    sign_in(page, site)
    page.get_by_role("link", name="Ada").first.click()
    page.get_by_role("link", name="Treatment sessions").click()
    starts_at = timezone.localtime(
        timezone.now() - timedelta(minutes=minutes_ago), timezone.get_fixed_timezone(60)
    )
    form = page.locator("form[action$='/sessions/plan/']")
    form.get_by_label("Time").fill(starts_at.strftime("%H:%M"))
    form.get_by_label("Planned dose").fill("40")
    form.get_by_label("Unit").select_option("MG")
    form.get_by_role("button", name="Plan").click()
    expect(page.get_by_role("heading", name="Vital signs")).to_be_visible()
    return page.url


def card(page: Page, heading: str) -> Locator:
    return page.locator(".observe section", has=page.get_by_role("heading", name=heading, exact=True))


def enter_pressure(page: Page, systolic: int, diastolic: int) -> None:
    vitals = card(page, "Vital signs")
    vitals.get_by_label("Systolic").fill(str(systolic))
    vitals.get_by_label("Diastolic").fill(str(diastolic))
    vitals.get_by_label("SpO2").fill("97")
    vitals.get_by_role("button", name="Enter vital signs").tap()


def enter_dissociation(page: Page, answer: int) -> None:
    check = card(page, "Dissociation")
    for number in range(5):
        check.locator(f"[name='answers.{number}'][value='{answer}']").check(force=True)
    check.get_by_role("button", name="Enter dissociation").tap()


def test_session_from_a_raised_pressure_to_discharge_by_touch(site, browser):
    page = browser.new_context(**TABLET).new_page()
    faults: list[str] = []
    page.on("pageerror", lambda problem: faults.append(str(problem)))
    plan(page, site, minutes_ago=30)
    live = page.locator("#live")

    page.get_by_role("button", name="Has arrived").tap()
    expect(live.locator(".state")).to_have_text("here, not begun")
    enter_pressure(page, 152, 94)
    expect(live).to_contain_text("measure it again before a dose")
    enter_pressure(page, 148, 92)
    expect(live).to_contain_text("a dose takes a decision")
    vitals = card(page, "Vital signs")
    vitals.get_by_text("Raised blood pressure").tap()
    vitals.get_by_label("Why").fill("Usual for her.")
    vitals.get_by_role("button", name="Go on").tap()
    expect(live).to_contain_text("it was decided to go on")
    card(page, "Dose").get_by_role("button", name="Enter dose").tap()
    expect(live.locator(".state")).to_have_text("running")
    card(page, "Dose").get_by_label("Amount").fill("10")
    card(page, "Dose").get_by_role("button", name="Enter dose").tap()
    expect(live).to_contain_text("50 mg")
    enter_dissociation(page, 2)
    card(page, "Adverse event").get_by_label("What").select_option("nausea")
    card(page, "Adverse event").get_by_role("button", name="Moderate").tap()
    expect(live).to_contain_text("nausea (moderate)")

    page.get_by_role("button", name="Ready to leave: close the session").tap()

    expect(page.locator("#queue")).to_contain_text("Not ready to leave: the time of observation is not over")
    page.get_by_role("button", name="Remove").tap()
    expect(page.locator("#queue")).to_be_hidden()
    expect(live.locator("[data-clock]")).to_have_text(re.compile(r"^0:0\d:\d\d$"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 1024
    assert faults == []


def test_what_is_entered_while_the_line_is_cut_is_kept_shown_and_sent_later(site, browser):
    context = browser.new_context(**TABLET)
    page = context.new_page()
    address = plan(page, site, minutes_ago=200)

    context.set_offline(True)
    enter_pressure(page, 121, 81)
    card(page, "Sedation (MOAA/S)").get_by_role("button").nth(1).tap()

    queue = page.locator("#queue")
    expect(queue.locator("li")).to_have_count(2)
    expect(queue).to_contain_text("Not yet sent")

    context.set_offline(False)

    expect(queue).to_be_hidden()
    page.goto(address)
    expect(page.locator("#live")).to_contain_text("121/81 mmHg")
    expect(page.locator("#live")).to_contain_text("MOAA/S 4")
    expect(page.locator(".timeline li")).to_have_count(3)


def test_two_tablets_that_write_one_session_lose_nothing_and_see_each_other(site, browser):
    context = browser.new_context(**TABLET)
    one, other = context.new_page(), context.new_page()
    address = plan(one, site, minutes_ago=400)
    other.goto(address)

    enter_pressure(one, 122, 82)
    card(other, "Sedation (MOAA/S)").get_by_role("button").first.tap()

    for page in (one, other):
        expect(page.locator(".timeline")).to_contain_text("122/82 mmHg")
        expect(page.locator(".timeline")).to_contain_text("MOAA/S 5")


def test_session_page_works_by_keyboard_and_without_script(site, browser):
    page = browser.new_context(**TABLET, java_script_enabled=False).new_page()
    plan(page, site, minutes_ago=600)

    page.get_by_label("Systolic").focus()
    page.keyboard.type("123")
    page.keyboard.press("Tab")
    page.keyboard.type("310")
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("diastolic")
    assert page.get_by_label("Systolic").input_value() == "123"
    page.get_by_label("Diastolic").fill("83")
    page.get_by_label("Diastolic").press("Enter")
    expect(page.locator(".timeline")).to_contain_text("123/83 mmHg")


def test_session_is_closed_once_the_time_of_observation_is_over(site, browser):
    page = browser.new_context(**TABLET).new_page()
    plan(page, site, minutes_ago=60)
    live = page.locator("#live")

    def earlier(minutes: int) -> str:
        at = timezone.localtime(timezone.now() - timedelta(minutes=minutes), timezone.get_fixed_timezone(60))
        return at.strftime("%H:%M")

    card(page, "Vital signs").get_by_label("At, if not now").fill(earlier(50))
    enter_pressure(page, 130, 80)
    card(page, "Dose").get_by_label("At, if not now").fill(earlier(45))
    card(page, "Dose").get_by_role("button", name="Enter dose").tap()
    expect(live.locator(".state")).to_have_text("running")
    enter_pressure(page, 126, 78)
    enter_dissociation(page, 0)
    card(page, "Sedation (MOAA/S)").get_by_role("button").first.tap()
    for item in ("Walks steadily", "Oriented", "Instructions given"):
        line = page.locator("form.item", has_text=item)
        line.get_by_role("button", name="Yes").tap()
        expect(line.get_by_role("button", name="Yes")).to_have_attribute("aria-pressed", "true")
    card(page, "Checklists").get_by_role("button", name="Here").tap()
    expect(live).to_contain_text("Ready to leave by the clinic's rules.")

    page.get_by_role("button", name="Ready to leave: close the session").tap()

    expect(live.locator(".state")).to_have_text("completed")
