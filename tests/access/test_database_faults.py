"""
A database that cannot do its work: every route answers 503 with Retry-After and the crisis text, and never a 500.

The faults are the database's own, in a live database; the routes are all that the resolver serves.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.test import Client
from psycopg import sql

from tests import databases, owner
from tests.access import actors as matrix
from tests.access.actors import Scenario
from tests.access.client import Ask, encoded, is_account, is_api
from tests.access.requests import asks, rows_of
from tests.access.resources import NOW
from tracker.api.exceptions import CRISIS_TEXT

# They answer without the database, or by a heartbeat that is not a minute old.
SERVED = {
    "GET health/live",
    "GET health/safety",
    "GET api/v1/schema",
    "GET api/v1/schema/accounts",
    "GET api/v1/docs",
}
Fault = Callable[[Any], AbstractContextManager[None]]


@pytest.fixture
def actors() -> Callable[[], Scenario]:
    return matrix.scenario


@pytest.fixture
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def one_of_each(scenario: Scenario) -> list[Ask]:
    """One request for each method of each route: by who may, about what is theirs."""
    best: dict[tuple[str, ...], Ask] = {}
    for ask in asks(scenario):
        if is_account(ask.route):
            if (ask.method, ask.actor.name) in {("POST", "nobody"), ("GET", "ben"), ("POST", "ben")}:
                best[(ask.method, ask.route, ask.actor.name)] = ask
        elif rows_of(ask.route, ask.method) and ask.method not in {"HEAD", "OPTIONS"}:
            key = (ask.method, ask.route, str(ask.row))
            if not (ask.actor.role == "PATIENT" and not is_api(ask.route)):
                best[key] = min(best.get(key, ask), ask, key=_oddness)
    return list(best.values())


def _oddness(ask: Ask) -> tuple[bool, bool, bool, int]:
    return not ask.actor.is_in, ask.aside, ask.refused, ask.expected


def send(ask: Ask) -> Any:
    """Ask as the actor would: from the phone, or from a browser."""
    client, headers = Client(raise_request_exception=False), dict(ask.headers)
    program = is_api(ask.route) or ask.route.startswith("_allauth/")
    if ask.actor.phone and program:
        headers |= ask.actor.phone.headers
    elif ask.actor.phone:
        client.cookies[settings.SESSION_COOKIE_NAME] = ask.actor.phone.token
    body, kind = encoded(ask, program)
    path = f"{ask.path}?{'&'.join(f'{k}={v}' for k, v in ask.query.items())}"
    return client.generic(ask.method, path, body, kind, headers=headers)


def administer(live: Any, *statements: str) -> None:
    """Run statements as the owner of the live database, ``{database}`` in them its name."""
    connection.close()
    name = sql.Identifier(str(connection.settings_dict["NAME"]))
    databases.administer(*(sql.SQL(text).format(database=name) for text in statements))


@contextmanager
def read_only(live: Any) -> Iterator[None]:
    """The database takes no writes, as a standby does."""
    administer(live, "ALTER DATABASE {database} SET default_transaction_read_only = on")
    yield
    administer(live, "ALTER DATABASE {database} RESET default_transaction_read_only")


@contextmanager
def away(live: Any) -> Iterator[None]:
    administer(live, "ALTER DATABASE {database} ALLOW_CONNECTIONS false")
    yield
    administer(live, "ALTER DATABASE {database} ALLOW_CONNECTIONS true")


@contextmanager
def too_many_connections(live: Any) -> Iterator[None]:
    administer(live, "ALTER DATABASE {database} CONNECTION LIMIT 0")
    yield
    administer(live, "ALTER DATABASE {database} CONNECTION LIMIT -1")


@contextmanager
def locked(live: Any, **limits: str) -> Iterator[None]:
    """Somebody holds a lock on every table; the role's own limits are shortened, so that the test does not wait."""
    before = connection.settings_dict["OPTIONS"].get("options", "")
    options = " ".join(f"-c {name}={value}" for name, value in limits.items())
    connection.close()
    connection.settings_dict["OPTIONS"]["options"] = f"{before} {options}"
    with owner.locked_tables(live):
        yield
    connection.close()
    connection.settings_dict["OPTIONS"]["options"] = before


@contextmanager
def lock_timeout(live: Any) -> Iterator[None]:
    with locked(live, lock_timeout="10ms"):
        yield


@contextmanager
def statement_timeout(live: Any) -> Iterator[None]:
    with locked(live, lock_timeout="0", statement_timeout="10ms"):
        yield


def failing_writes(code: str) -> Fault:
    """Whatever is audited fails with an error of the server's, and so does a heartbeat."""
    body = f"BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END"
    trigger = "CREATE TRIGGER refuse BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION refuse()"
    tables = ("audit_auditevent", "alerts_heartbeat")
    statements = [
        f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
        *map(trigger.format, tables),
    ]
    return lambda live: owner.audit_refused(live, "; ".join(statements), "DROP FUNCTION refuse CASCADE")


FAULTS: dict[str, Fault] = {
    "read-only": read_only,
    "lock timeout": lock_timeout,
    "statement timeout": statement_timeout,
    "away": away,
    "too many connections": too_many_connections,
    "deadlock": failing_writes("40P01"),
    "serialization failure": failing_writes("40001"),
    "disk full": failing_writes("53100"),
}
# Of each kind of route one, in every run; ``--full`` asks all of them at each fault.
FEW = {
    ("GET", "health/ready"), ("POST", "api/v1/sync/push"), ("GET", "api/v1/me"), ("GET", "patients/<uuid:patient_id>/"),
    ("POST", "patients/invite/"), ("POST", "accounts/login/"), ("POST", "_allauth/app/v1/auth/login"),
    ("GET", "_allauth/app/v1/auth/session"),
}  # fmt: skip


def is_served(ask: Ask) -> bool:
    """Whether an ordinary answer is right: nothing is stored, and nothing of anybody's is read."""
    if f"{ask.method} {ask.route}" in SERVED:
        return True
    return ask.method == "GET" and ask.actor.name == "nobody"


def wrong_answers(requests: list[Ask]) -> list[str]:
    """A line for each request that is answered neither 503 in full nor, where nothing is needed, as ever."""
    wrong = []
    for ask in requests:
        answer = send(ask)
        said = answer.content.decode()
        if not (
            (answer.status_code == ask.expected and is_served(ask))
            or (answer.status_code == 503 and answer.get("Retry-After") and _has_crisis_text(ask, said))
        ):
            wrong.append(f"{answer.status_code}: {ask}")
    return wrong


def _has_crisis_text(ask: Ask, said: str) -> bool:
    return ask.route.startswith("health/") or CRISIS_TEXT in said


def test_every_route_answers_503_with_the_crisis_text_on_a_read_only_database(live, clock):
    requests = one_of_each(live.world)
    assert len(requests) > 200

    with read_only(live):
        wrong = wrong_answers(requests)

    assert not wrong, "\n".join(wrong)


def test_a_route_of_each_kind_answers_503_at_every_fault_of_the_database(live, clock):
    requests = [ask for ask in one_of_each(live.world) if (ask.method, ask.route) in FEW]
    assert {(ask.method, ask.route) for ask in requests} == FEW

    for name, fault in FAULTS.items():
        with fault(live):
            wrong = wrong_answers(requests)
        assert not wrong, "\n".join([name, *wrong])


@pytest.mark.full
def test_every_route_answers_503_at_every_fault_of_the_database(live, clock):
    requests = one_of_each(live.world)

    for name, fault in FAULTS.items():
        with fault(live):
            wrong = wrong_answers(requests)
        assert not wrong, "\n".join([name, *wrong])
