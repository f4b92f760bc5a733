"""A treatment session on a tablet, in a real browser: by touch, by keyboard, by two at once, with the line cut."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connections, transaction
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from tests import authenticator
from tests.dashboard.browsers import sign_in
from tests.dashboard.scenario import Site
from tests.phone import token_of
from tracker.access.principal import load_principal
from tracker.accounts.models import User
from tracker.clinics.models import StaffMember
from tracker.lib import days

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


def colleague(site: Site, database: str) -> Site:
    """The same clinic, in a session of Dan's, a coordinator of Ben's team."""

    def token() -> tuple[str, str]:
        own = connections["default"].settings_dict
        before, own["NAME"] = own["NAME"], database
        try:
            with transaction.atomic():
                ben = User.objects.get(email=site.email)
                clinic_id = load_principal(ben.pk, timezone.now()).clinic_id
                dan = StaffMember.objects.select_related("user").get(clinic_id=clinic_id, name="Dan").user
                authenticator.add_totp(dan)
            return dan.email, token_of(dan)
        finally:
            connections["default"].close()
            own["NAME"] = before

    with ThreadPoolExecutor(1) as pool:
        return Site(site.url, *pool.submit(token).result())


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
    page.get_by_role("button", name="Nausea is over").tap()
    expect(live).to_contain_text("Adverse event is over")
    expect(page.get_by_role("button", name="Nausea is over")).to_have_count(0)

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


def test_entry_that_the_server_cannot_take_holds_up_no_other_and_is_removed_by_a_person_alone(site, browser):
    context = browser.new_context(**TABLET)
    page = context.new_page()
    address = plan(page, site, minutes_ago=800)
    context.set_offline(True)
    note = card(page, "Staff and notes")
    # JSON with a NUL is refused as a whole, whatever stands beside it.
    note.locator("textarea").evaluate("field => { field.value = 'unreadable \\u0000' }")
    note.get_by_role("button", name="Enter note").tap()
    enter_pressure(page, 124, 84)
    queue = page.locator("#queue")
    expect(queue.locator("li")).to_have_count(2)

    context.set_offline(False)

    expect(page.locator(".timeline")).to_contain_text("124/84 mmHg")
    expect(queue.locator("li")).to_have_count(1)
    expect(queue).to_contain_text("Not stored yet: It cannot be read. Enter it again.")
    enter_pressure(page, 125, 85)
    expect(page.locator(".timeline")).to_contain_text("125/85 mmHg")
    page.goto(address)
    expect(queue.locator("li")).to_have_count(1)
    queue.get_by_role("button", name="Remove").tap()
    expect(queue).to_be_hidden()


def test_what_one_person_kept_on_a_tablet_is_not_sent_as_the_next_who_signs_in(
    site, server, browser, django_db_blocker
):
    context = browser.new_context(**TABLET)
    page = context.new_page()
    address = plan(page, site, minutes_ago=900)
    with django_db_blocker.unblock():
        dan = colleague(site, server[1])
    context.set_offline(True)
    enter_pressure(page, 126, 86)
    expect(page.locator("#queue li")).to_have_count(1)
    # The sign-in changes beneath the open page: the server answers for Dan, the entry is Ben's.
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": dan.token, "url": site.url}
    context.add_cookies([cookie])
    context.set_offline(False)

    others = page.locator("#others-queue")
    expect(others.locator("li")).to_have_count(1)
    expect(others).to_contain_text("Kept by another person on this device")
    expect(page.locator("#queue")).to_be_hidden()
    card(page, "Sedation (MOAA/S)").get_by_role("button").first.tap()
    expect(page.locator(".timeline")).to_contain_text("MOAA/S 5")
    expect(page.locator(".timeline")).not_to_contain_text("126/86 mmHg")

    context.add_cookies([{**cookie, "value": site.token}])
    page.goto(address)

    line = page.locator(".timeline li", has_text="126/86 mmHg")
    expect(line).to_contain_text("Ben")
    expect(page.locator("#queue")).to_be_hidden()
    expect(others).to_be_hidden()


def test_time_that_is_typed_a_minute_ahead_is_now_and_never_yesterdays(site, browser):
    page = browser.new_context(**TABLET).new_page()
    plan(page, site, minutes_ago=1000)
    ahead = timezone.localtime(timezone.now() + timedelta(minutes=2), days.zone(TABLET["timezone_id"]))
    vitals = card(page, "Vital signs")

    vitals.get_by_label("At, if not now").fill(ahead.strftime("%H:%M"))
    enter_pressure(page, 127, 87)

    line = page.locator(".timeline li", has_text="127/87 mmHg")
    expect(line).not_to_contain_text("late")

    # By a clock that shows ten in the morning: in the evening every hour of the day has come.
    page.clock.set_fixed_time(ahead.replace(hour=10, minute=0))
    field = vitals.get_by_label("At, if not now")
    field.fill("16:00")
    enter_pressure(page, 128, 88)

    expect(page.get_by_role("status")).to_contain_text("that time has not come yet")
    assert field.evaluate("field => field.validationMessage") == "That time has not come yet."
    field.fill("")
    vitals.get_by_role("button", name="Enter vital signs").tap()
    expect(page.locator(".timeline")).to_contain_text("128/88 mmHg")


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
    # Its clock is right, and it thinks that it is in New York.
    page = browser.new_context(**TABLET | {"timezone_id": "America/New_York"}).new_page()
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
