"""Every route that writes, from the table of routes: a malformed body gets 4xx, at once, and costs no memory."""

import random
import re
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.cache import cache

from tests import factories, servers
from tests.api import hostile
from tests.conftest import Live
from tests.phone import Phone
from tracker.access import policy
from tracker.api import urls as api
from tracker.api.parsers import MAX_BODY_BYTES

# Each fault once.
SAMPLE = 19
MANY = 300
AT_ONCE_S = 1.0
MOST_GROWTH_MB = 40
BODIES = {
    "push", "records", "record", "devices", "consents", "caregivers", "accept-invitation", "break-glass", "check_ins",
    "me", "own-email", "own-email-confirm", "treatment-sessions", "treatment-session-events", "monitoring-limits",
}  # fmt: skip
# Takes neither a body nor an id: there is nothing to spoil.
BARE = ("break-glass", "DELETE")
# Without a body: what is malformed is only that there is no such thing.
NO_BODY = {
    "session", "device", "caregiver", "message-read", "acknowledge-alert", "check_in", "role", "sign-in",
}  # fmt: skip


def writes() -> list[tuple[Any, str]]:
    """Every route of the API that writes, with the method."""
    found = []
    for pattern in api.urlpatterns:
        view = getattr(pattern.callback, "cls", None)
        methods = {name.upper() for name in ("post", "put", "patch", "delete") if hasattr(view, name)}
        found += [(pattern, method) for method in sorted(methods) if (pattern.name, method) != BARE]
    return found


def who(world: factories.World, pattern: Any, method: str) -> Any:
    """Somebody who may use the route."""
    action = getattr(pattern.callback.cls, "actions", {}).get(method)
    return world.ada if action is None or policy.role_may("PATIENT", action) else world.ben


def address(pattern: Any) -> str:
    """The path of a route, with an id that nobody has: that of the record in the bodies, where it is a record."""
    one = hostile.RECORD if pattern.name == "record" else str(uuid.uuid4())
    return "/" + re.sub(r"<uuid:\w+>", one, str(pattern.pattern))


def malformed(
    world: factories.World, pattern: Any, method: str, device: str, number: int
) -> Iterator[hostile.Payload]:
    chance = random.Random(f"{factories.SEED}/{pattern.name}/{method}")
    bodies = hostile.whole_bodies(world, device)
    takes_body = method in {"POST", "PUT", "PATCH"} and pattern.name not in NO_BODY
    whole = bodies[pattern.name] if takes_body else bodies["records"]
    most = getattr(pattern.callback.cls, "max_body_bytes", MAX_BODY_BYTES)
    return hostile.payloads(whole, chance, most, number)


def complaint(status: int, kind: str, body: Callable[[], Any], payload: hostile.Payload) -> str:
    """Say what is wrong with an answer; nothing if it is a refusal."""
    # Neither 401 nor 429 says anything of the body: then it was not looked at.
    if 400 <= status < 500 and status not in {401, 429} and kind == "application/problem+json":
        return ""
    if status == 200 and "results" in (answer := body()):
        # A batch is taken item by item: what is malformed in one of them is refused there.
        return (
            ""
            if "rejected" in {result["status"] for result in answer["results"]}
            else f"taken: {payload.fault}"
        )
    return f"{status} {kind}: {payload.fault}"


def test_every_route_that_takes_a_body_is_tried(world):
    takes = {
        pattern.name for pattern, method in writes() if method != "DELETE" and pattern.name not in NO_BODY
    }

    assert takes == set(BODIES) == set(hostile.whole_bodies(world, "x"))
    assert {pattern.name for pattern, _ in writes()} >= NO_BODY


@pytest.mark.parametrize(
    ("pattern", "method"), writes(), ids=lambda part: part if isinstance(part, str) else part.name
)
def test_a_malformed_body_is_refused_as_a_problem(world, pattern, method):
    phone = Phone(who(world, pattern, method).user)
    found = []
    for payload in malformed(world, pattern, method, str(phone.device), SAMPLE):
        cache.clear()
        answer = phone.client.generic(
            method,
            address(pattern),
            payload.body,
            payload.content_type,
            headers=phone.headers | payload.headers,
        )
        found.append(complaint(answer.status_code, answer.get("Content-Type", ""), answer.json, payload))

    assert [each for each in found if each] == []


@pytest.mark.parametrize("name", sorted(BODIES))
def test_the_whole_body_that_the_others_are_made_of_is_not_refused_for_its_form(world, name):
    ((pattern, method),) = [
        (one, how) for one, how in writes() if one.name == name and how in {"POST", "PUT", "PATCH"}
    ]
    phone = Phone(who(world, pattern, method).user)
    body = hostile.whole_bodies(world, str(phone.device))[name]

    answer = phone.call(method, address(pattern).removeprefix("/api/v1/"), body)

    # Taken; or whole, and there is no such patient, invitation or record.
    assert answer.status_code in {200, 201, 202, 403, 404}, answer.content
    if name == "push":
        assert {result["status"] for result in answer.json()["results"]} == {"stored"}


@dataclass(frozen=True)
class Attack:
    """A route, who writes to it, and what is sent there."""

    pattern: Any
    method: str
    phone: Phone
    malformed: Iterator[hostile.Payload]

    @property
    def route(self) -> str:
        return f"{self.method} {self.pattern.name}"


@dataclass(frozen=True, order=True)
class Told:
    """How long a real web process took to answer, and what is wrong with the answer."""

    seconds: float
    route: str
    fault: str
    complaint: str


def attacks(world: factories.World) -> list[Attack]:
    phones = {person: Phone(person.user) for person in (world.ada, world.ben)}
    found = []
    for pattern, method in writes():
        phone = phones[who(world, pattern, method)]
        found.append(
            Attack(pattern, method, phone, malformed(world, pattern, method, str(phone.device), MANY))
        )
    return found


def tell(live: Live, line: httpx.Client, attack: Attack, payload: hostile.Payload) -> Told:
    """Send it, with no tries counted before."""
    headers = attack.phone.headers | {"Content-Type": payload.content_type} | payload.headers
    cache.clear()
    began = time.monotonic()
    answer = line.request(attack.method, address(attack.pattern), content=payload.body, headers=headers)
    seconds = time.monotonic() - began
    kind = answer.headers.get("Content-Type", "")
    wrong = complaint(answer.status_code, kind, answer.json, payload)
    return Told(seconds, attack.route, payload.fault, wrong)


def memory_mb(pid: int) -> float:
    """What a process and its children hold in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    own = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    children = " ".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")).split()
    return own / 1024 + sum(memory_mb(int(child)) for child in children)


@pytest.mark.full
def test_a_web_process_refuses_three_hundred_malformed_bodies_for_every_route_at_once_in_flat_memory(live):
    under_attack = attacks(live.world)
    with (
        servers.web_process(live.environment) as (url, process),
        httpx.Client(base_url=url, trust_env=False, timeout=30) as line,
    ):
        # The first third warms it up: caches fill, and the largest body has been there.
        told = [
            tell(live, line, one, payload)
            for one in under_attack
            for payload in islice(one.malformed, MANY // 3)
        ]
        before = memory_mb(process.pid)
        told += [tell(live, line, one, payload) for one in under_attack for payload in one.malformed]
        grown = memory_mb(process.pid) - before

    slowest = max(told)
    print(f"{len(told)} bodies; slowest {slowest}; memory {before:.0f} MB, grown by {grown:.0f} MB")
    assert [each for each in told if each.complaint] == []
    assert Counter(each.route for each in told) == {each.route: MANY for each in under_attack}
    assert slowest.seconds < AT_ONCE_S, slowest
    assert grown < MOST_GROWTH_MB
