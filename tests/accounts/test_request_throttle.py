"""Rate limits of signed-in use: every route has one, and none hides a positive answer."""

import uuid
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests import factories
from tests.dashboard.conftest import sign_in
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.accounts import request_throttle
from tracker.accounts.models import ThrottleCount
from tracker.alerts.models import Alert
from tracker.audit.models import AuditEvent
from tracker.records.models import ChangeCounter

# Nobody is signed in there, or need not be.
# An invitation is accepted by whoever has no account yet: its tries are counted by address and device.
OPEN = {
    "api/v1/invitations/accept",
    "health/live",
    "health/ready",
    "health/safety",
    "api/v1/schema",
    "api/v1/schema/accounts",
    "api/v1/docs",
}
SAMPLES = {"uuid": str(uuid.UUID(int=1)), "int": "1", "code": "phq-9", "str": "x", "slug": "x"}


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    request_throttle._counts.clear()
    yield
    request_throttle._counts.clear()


@pytest.fixture
def limits(settings):
    settings.READS_PER_MINUTE = settings.WRITES_PER_MINUTE = 20
    return settings


def routes(patterns, before: str = "") -> Iterator[tuple[str, str]]:
    """Each route, with a path that leads to it."""
    for pattern in patterns:
        route = before + str(pattern.pattern).lstrip("^").rstrip("$").removesuffix("\\Z")
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            path = route
            for name, converter in pattern.pattern.converters.items():
                kind = type(converter).__name__.removesuffix("Converter").lower()
                path = path.replace(f"<{kind}:{name}>", SAMPLES[kind]).replace(f"<{name}>", SAMPLES[kind])
            yield route, path


def test_every_route_has_a_rate_limit_for_signed_in_use(world, monkeypatch):
    def refuse(kind: str, user_id: uuid.UUID) -> None:
        raise request_throttle.TooManyRequests(7, is_first=True)

    phone = Phone(world.ada.user)
    browser = sign_in(world.ben.user)
    monkeypatch.setattr(request_throttle, "check", refuse)
    answers = {}
    for route, path in routes(get_resolver().url_patterns):
        if route in OPEN or "(?P" in route:
            continue
        of_program = route.startswith(("api/", "_allauth/"))
        asked = [
            phone.client.generic(method, f"/{path}", headers=phone.headers)
            if of_program
            else browser.generic(method, f"/{path}")
            for method in ("GET", "POST")
        ]
        answers[route] = [(one.status_code, one.get("Retry-After")) for one in asked]

    assert len(answers) > 60
    # What the role may never do, or the view does not know, is refused before anything is counted against a limit.
    limited = {(429, "7"), (403, None), (405, None)}
    assert {route: got for route, got in answers.items() if not set(got) <= limited} == {}
    assert all((429, "7") in got or (403, None) in got for got in answers.values())


def test_a_person_who_asks_too_often_is_told_when_to_come_back(world, limits):
    phone = Phone(world.ada.user)
    statuses = [phone.get("me").status_code for _ in range(25)]

    assert statuses == [200] * 20 + [429] * 5
    answer = phone.get("me")
    assert answer.json()["code"] == "too_many_requests"
    assert 1 <= int(answer["Retry-After"]) <= 60
    # Writes have a limit of their own, and so has everybody else.
    assert phone.push(factories.pain(3)).status_code == 200
    assert Phone(world.bea.user).get("me").status_code == 200


def test_a_second_sign_in_of_a_person_has_no_limit_of_its_own(world, limits):
    phones = [Phone(world.ada.user, device=None), Phone(world.ada.user, device=None)]

    statuses = [phone.get("me").status_code for _ in range(12) for phone in phones]

    assert statuses.count(200) == 20


def test_a_page_that_is_asked_for_too_often_answers_429(world, limits):
    browser = sign_in(world.ben.user)

    statuses = [browser.get("/alerts/").status_code for _ in range(22)]

    assert statuses == [200] * 20 + [429] * 2


def test_an_invented_token_beside_the_cookie_of_a_page_makes_no_other_session(world, limits):
    browser = sign_in(world.ben.user)

    statuses = [browser.get("/alerts/", headers={"X-Session-Token": f"t{n}"}).status_code for n in range(22)]

    assert statuses == [200] * 20 + [429] * 2


def test_a_rate_limit_hides_no_positive_answer_and_grows_no_audit(world, limits):
    phone = Phone(world.ada.user)
    for _ in range(20):
        phone.push(factories.pain(3))
    with as_clinic(world.clinic.pk):
        events, head = AuditEvent.objects.count(), ChangeCounter.objects.get().head

    answers = [phone.push(factories.phq9([0] * 8 + [2])) for _ in range(5)]
    answers += [phone.post("records", factories.phq9([0] * 8 + [2])) for _ in range(5)]

    assert {answer.status_code for answer in answers} == {429}
    for answer in answers:
        assert answer.json()["guidance"]["crisis_text"] == world.clinic.crisis_text
        assert (answer.json()["alerted"], "Retry-After" in answer) == (True, True)
    with as_clinic(world.clinic.pk):
        assert Alert.objects.open().get().answer_count == 10
        assert AuditEvent.objects.count() <= events + 1
        assert ChangeCounter.objects.get().head == head


def test_a_phone_that_was_offline_for_a_month_meets_no_limit(world):
    """Thirty entries a day for a month: two pushes. Ten times as many are far from the limit."""
    phone = Phone(world.ada.user)

    assert {phone.push(*(factories.pain(3) for _ in range(500))).status_code for _ in range(10)} == {200}


def test_a_large_body_counts_as_several_requests_of_the_rate_limit(world, limits):
    phone = Phone(world.ada.user)
    large = factories.pain(3) | {"pad": "x" * 400_000}

    statuses = [phone.push(record).status_code for record in (large, factories.pain(3))]

    assert statuses == [200, 429]
    assert [request_throttle.cost(size) for size in (0, 19_999, 20_000, 5_000_000)] == [1, 1, 2, 251]


def test_an_ordinary_request_costs_no_statement_for_its_count(world, settings):
    settings.READS_PER_MINUTE = 1200
    phone = Phone(world.ada.user)
    for _ in range(59):
        phone.get("me")
    before = ThrottleCount.objects.filter(key__startswith="request-").count()
    phone.get("me")

    assert (before, ThrottleCount.objects.filter(key__startswith="request-").count()) == (0, 1)


def test_refused_bodies_of_who_keeps_processors_busy_are_scanned_in_part(world, monkeypatch):
    def busy(kind: str, user_id: uuid.UUID) -> None:
        if kind == request_throttle.SCAN:
            raise request_throttle.TooManyRequests(7, is_first=False)

    monkeypatch.setattr(request_throttle, "check", busy)
    phone = Phone(world.ada.user)
    near = phone.post("records", factories.phq9([0] * 8 + [2]) | {"note": "x"})
    pad = {"pad": "x" * 200_000}
    far = phone.post("records", [pad, factories.phq9([0] * 8 + [2])])

    assert (near.json()["alerted"], far.json()["alerted"]) == (True, False)
    assert Client().get("/health/safety").json()["unread_writes_last_day"] == 1


def is_blocked(user_id: uuid.UUID) -> bool:
    try:
        request_throttle.check(request_throttle.READ, user_id)
    except request_throttle.TooManyRequests:
        return True
    return False


def test_nobody_frees_themselves_from_a_limit_with_invented_names(db, limits, monkeypatch):
    monkeypatch.setattr(request_throttle, "_MOST_KEPT", 50)
    limits.READS_PER_MINUTE = 1000
    blocked, busy = uuid.uuid4(), uuid.uuid4()
    request_throttle.count(request_throttle.READ, blocked, 1000)
    for _ in range(500):
        request_throttle.count(request_throttle.READ, uuid.uuid4())
        request_throttle.count(request_throttle.READ, busy)

    assert is_blocked(blocked)
    # Ten times a twentieth reached the store: who keeps asking is not forgotten either.
    assert list(ThrottleCount.objects.order_by("count").values_list("count", flat=True)) == [500, 1000]
    assert len(request_throttle._counts) <= 50


def test_a_process_in_which_everybody_is_over_a_limit_keeps_no_more_counts_than_it_may(
    db, limits, monkeypatch
):
    monkeypatch.setattr(request_throttle, "_MOST_KEPT", 5)
    people = [uuid.uuid4() for _ in range(8)]
    for one in people:
        request_throttle.count(request_throttle.READ, one, 20)

    assert len(request_throttle._counts) == 5
    assert is_blocked(people[-1])


def test_pages_of_an_invented_session_free_nobody(world, limits, monkeypatch):
    monkeypatch.setattr(request_throttle, "_MOST_KEPT", 5)
    phone = Phone(world.ada.user)
    statuses = [phone.get("me").status_code for _ in range(21)]
    for number in range(30):
        Client().get("/accounts/login/", headers={"X-Session-Token": f"invented{number}"})

    assert (statuses[-1], phone.get("me").status_code) == (429, 429)
