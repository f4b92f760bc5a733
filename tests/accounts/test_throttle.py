"""Throttle of sign-in: counts in PostgreSQL, per account, device and address, shared by all processes."""

import json
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from tests import authenticator, factories, servers
from tests.phone import Phone
from tests.servers import wait_until
from tracker.access import checks
from tracker.accounts import caches, sessions, throttle
from tracker.accounts.models import Session, ThrottleCount
from tracker.accounts.tasks import delete_expired

WRONG = {"email": "ada@example.org", "password": "wrong, alas"}
LOGIN = "/_allauth/app/v1/auth/login"
CHALLENGE = "/_allauth/app/v1/auth/webauthn/login"


def tries(kind: str = "sign-in", **who: str) -> int:
    """How many tries there are until one is refused."""
    for n in range(200):
        try:
            throttle.hit(kind, **who)
        except throttle.TooManyAttempts:
            return n
    raise AssertionError("never refused")


@pytest.mark.parametrize("kind", sorted(throttle.RATES))
def test_the_throttle_counts_each_scope_of_an_attempt_by_itself(db, kind):
    for scope, rate in throttle.RATES[kind].items():
        assert tries(kind, **{scope: f"one of {kind}"}) == rate.limit
        throttle.hit(kind, **{scope: f"another of {kind}"})


def test_the_throttle_counts_all_scopes_of_an_attempt_in_one_statement(db, django_assert_num_queries):
    with django_assert_num_queries(1):
        throttle.hit("sign-in", account="ada", device="phone", address="192.0.2.7")

    assert sorted(ThrottleCount.objects.values_list("count", flat=True)) == [1, 1, 1]


def test_a_throttled_attempt_says_when_to_retry(db):
    tries(account="ada")

    with pytest.raises(throttle.TooManyAttempts) as refused:
        throttle.hit("sign-in", account="ADA ")

    assert 1 <= refused.value.retry_after <= 300


def test_a_throttle_window_ends_that_long_after_its_first_attempt_and_counts_anew(db):
    tries(account="ada")
    ThrottleCount.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert tries(account="ada") == throttle.RATES["sign-in"]["account"].limit


def test_a_throttled_attempt_counts_and_does_not_lengthen_the_window(db):
    tries(account="ada")
    (before,) = ThrottleCount.objects.all()

    with pytest.raises(throttle.TooManyAttempts):
        throttle.hit("sign-in", account="ada")

    (after,) = ThrottleCount.objects.all()
    assert (after.count, after.expires_at) == (before.count + 1, before.expires_at)


def test_a_throttle_that_is_reset_begins_again(db):
    tries(account="ada")
    throttle.reset("sign-in", account="ada")

    assert tries(account="ada") == throttle.RATES["sign-in"]["account"].limit


def test_a_throttle_count_names_nobodys_address(db):
    throttle.hit("sign-in", account="ada@example.org", address="192.0.2.7")

    rows = str(list(ThrottleCount.objects.values()))
    assert len(ThrottleCount.objects.all()) == 2
    assert "ada@" not in rows
    assert "192.0" not in rows


def test_throttle_counts_are_unlogged(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT relpersistence::text FROM pg_class WHERE relname = 'accounts_throttlecount'")
        assert cursor.fetchone() == ("u",)


def test_expired_throttle_counts_are_deleted_and_others_stay(db):
    throttle.hit("sign-in", account="ada", address="192.0.2.7")
    ThrottleCount.objects.filter(key__startswith="sign-in:account:").update(
        expires_at=timezone.now() - timedelta(seconds=1)
    )

    assert delete_expired() == 1
    assert [row.key.split(":")[1] for row in ThrottleCount.objects.all()] == ["address"]


def test_a_used_code_is_marked_once_for_at_least_two_minutes(db):
    key = uuid.uuid4().hex

    assert cache.add(key, "y", timeout=30)
    assert not cache.add(key, "y", timeout=30)

    (mark,) = ThrottleCount.objects.all()
    assert mark.expires_at > timezone.now() + timedelta(seconds=caches.LEAST_SECONDS - 10)


def test_a_totp_code_signs_in_once(world, client):
    authenticator.add_totp(world.ben.user)
    code = authenticator.totp_code()

    def sign_in() -> int:
        right = {"email": world.ben.user.email, "password": factories.PASSWORD}
        token = post(client, LOGIN, right).json()["meta"]["session_token"]
        path = "/_allauth/app/v1/auth/2fa/authenticate"
        return int(post(client, path, {"code": code}, **{"X-Session-Token": token}).status_code)

    assert [sign_in(), sign_in()] == [200, 400]


def post(client, path: str, body: dict[str, str], **headers: str):
    return client.post(path, json.dumps(body), content_type="application/json", headers=headers)


def test_a_throttled_account_never_stops_a_signed_in_phone_from_uploading(world, client):
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


def test_a_throttled_page_says_that_it_was_too_often(world, client):
    form = {"login": world.ben.user.email, "password": "wrong, alas"}

    answers = [client.post("/accounts/login/", form) for _ in range(11)]

    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert b"Too many attempts" in answers[-1].content
    assert answers[-1]["Retry-After"]


def test_looking_at_the_sign_in_page_is_not_throttled(world, client):
    assert {client.get("/accounts/login/").status_code for _ in range(70)} == {200}


def test_of_all_that_nobody_known_can_read_one_route_makes_a_session_and_is_throttled(db):
    """The challenge of a passkey is kept in a session, a row for each request: 760 in 15 s."""
    paths = [f"/{route}" for route, _ in checks.routes() if "<" not in route]
    making = []
    for path in paths:
        Client().get(path)
        making += [path] if Session.objects.count() else []
        Session.objects.all().delete()
    assert making == [CHALLENGE]
    ThrottleCount.objects.all().delete()

    most = throttle.RATES["sign-in"]["address"].limit
    answers = [Client().get(CHALLENGE) for _ in range(most + 5)]

    assert [answer.status_code for answer in answers] == [200] * most + [429] * 5
    assert answers[-1].json()["code"] == "too_many_tries"
    assert Session.objects.count() == most
    assert sessions.delete_expired(at=timezone.now() + sessions.PENDING_SIGN_IN) == most


def test_the_challenge_of_a_passkey_is_given_to_a_known_device_at_a_shared_address_that_is_full(world):
    device = str(uuid.uuid4())
    signed_in = post(
        Client(),
        LOGIN,
        {"email": world.ada.user.email, "password": factories.PASSWORD},
        **{"X-Device": device},
    )
    assert signed_in.status_code == 200
    for _ in range(throttle.RATES["sign-in"]["address"].limit + 1):
        last = Client().get(CHALLENGE)
    assert last.status_code == 429

    assert Client().get(CHALLENGE, headers={"X-Device": device}).status_code == 200


RESETS = ["/_allauth/app/v1/auth/password/request", "/accounts/password/reset/"]


def ask_for_reset(path: str, email: str, address: str) -> int:
    client = Client(REMOTE_ADDR=address)
    if path == RESETS[0]:
        return int(post(client, path, {"email": email}).status_code)
    return int(client.post(path, {"email": email}).status_code)


@pytest.mark.parametrize("path", RESETS)
def test_resets_that_a_stranger_asks_for_make_nobody_on_another_network_wait(world, mailoutbox, path):
    email = world.ada.user.email
    stranger = [ask_for_reset(path, email, "192.0.2.66") for _ in range(4)]
    assert stranger[-1] == 429, "one network has three in half an hour"

    assert ask_for_reset(path, email, "198.51.100.7") == stranger[0] != 429
    wait_until(lambda: len(mailoutbox) == 4, what="three mails, and the owner's own")


@pytest.mark.parametrize("path", RESETS)
def test_an_address_gets_ten_reset_mails_in_an_hour_and_their_links_stay_good(world, mailoutbox, path):
    """Who asks from many networks fills no mailbox, and an eleventh answer tells nobody that it is full."""
    email, most = world.ada.user.email, throttle.RATES["reset-mail"]["account"].limit

    answers = [ask_for_reset(path, email, f"192.0.2.{n}") for n in range(most + 5)]
    unknown = ask_for_reset(path, "nobody@example.org", "192.0.2.250")

    assert set(answers) == {unknown}
    wait_until(lambda: len(mailoutbox) == most, what="the mails")
    assert len(mailoutbox) == most
    (link,) = re.findall(r"/accounts/password/reset/key/\S+", mailoutbox[0].body)
    browser = Client()
    form = browser.get(link, follow=True)
    new = {"password1": "another long passphrase", "password2": "another long passphrase"}
    assert browser.post(form.request["PATH_INFO"], new).status_code == 302
    assert ask_for_reset(path, email, "192.0.2.251") == unknown
    wait_until(lambda: len(mailoutbox) == most + 1, what="a mail after the links have died with the password")


@pytest.mark.parametrize("path", ["/api/v1/invitations/accept", "/accounts/invitation/"])
def test_guessing_codes_of_invitations_is_throttled(client, db, path):
    given = {"code": "2222-2222", "birth_date": "1980-01-01", "email": "x@example.org", "password": "x" * 14}
    send = {"/api/v1/invitations/accept": post}.get(path, lambda client, path, body: client.post(path, body))

    answers = [send(client, path, given) for _ in range(6)]
    others = [send(client, path, given | {"code": f"2222-22{n}"}) for n in range(22, 40)]

    assert answers[-1].status_code == 429
    assert others[-1].status_code == 429, "other codes from the same address"


def test_tries_are_throttled_per_device_too(client, db):
    device = str(uuid.uuid4())
    most = throttle.RATES["sign-in"]["device"].limit

    answers = [
        post(client, LOGIN, {"email": f"{n}@example.org", "password": "wrong"}, **{"X-Device": device})
        for n in range(most + 1)
    ]

    assert [answer.status_code for answer in answers] == [400] * most + [429]


def test_a_throttle_count_is_committed_before_the_sign_in_and_survives_its_rollback(
    live, client, monkeypatch
):
    def broken(*args: object, **kwargs: object) -> None:
        assert connection.in_atomic_block
        raise RuntimeError

    monkeypatch.setattr("tracker.accounts.adapter.AccountAdapter.authenticate", broken)
    client.raise_request_exception = False
    most = throttle.RATES["sign-in"]["account"].limit

    answers = [post(client, LOGIN, WRONG).status_code for _ in range(most + 1)]

    assert answers == [500] * most + [429]


def test_two_web_servers_share_the_throttle_and_sign_in_needs_no_valkey(live):
    """Real processes; nobody listens where their Valkey should be."""
    environment = live.environment | {"REDIS_URL": f"redis://127.0.0.1:{servers.free_port()}/0"}
    with servers.web(environment) as first, servers.web(environment) as second:
        wrong = WRONG | {"email": live.world.ada.user.email}
        with ThreadPoolExecutor(4) as pool:
            shared = list(pool.map(lambda url: sign_in(url, wrong), (first, second) * 6))
        welcome = sign_in(second, {"email": live.world.bea.user.email, "password": factories.PASSWORD})

    assert sorted(shared) == [400] * 10 + [429] * 2
    assert welcome == 200


def sign_in(url: str, given: dict[str, str]) -> int:
    return httpx.post(f"{url}{LOGIN}", json=given, trust_env=False, timeout=20).status_code


@pytest.mark.parametrize("path", ["/accounts/login/", "/_allauth/app/v1/auth/login"])
def test_a_sign_in_on_a_read_only_database_is_answered_503_with_retry_after(world, path):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL transaction_read_only = on")
    body = {"login": world.ben.user.email, "email": world.ben.user.email, "password": factories.PASSWORD}
    kind = "application/json" if path.startswith("/_allauth") else None

    client = Client(raise_request_exception=False)
    answer = client.post(path, body, kind) if kind else client.post(path, body)
    transaction.set_rollback(True)  # what failed in it can only be undone

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("2001:db8:1:2::7", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::"),
        ("2001:db8:1:3::7", "2001:db8:1:3::"),
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
    ],
)
def test_the_throttle_counts_an_ipv6_address_by_its_network_and_an_ipv4_address_whole(
    rf, address, counted_as
):
    assert throttle.client_ip(rf.get("/", REMOTE_ADDR=address)) == counted_as
