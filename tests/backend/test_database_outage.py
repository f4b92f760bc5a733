"""A real web server while its database is away, locked or back again: answered within seconds, and 503 until then."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from django.db import connection
from psycopg import sql

from tests import databases, factories, owner, servers
from tests.phone import Phone


@contextmanager
def web(live: Any) -> Iterator[httpx.Client]:
    """A web server that Ada's phone is signed in at."""
    phone = Phone(live.world.ada.user)
    with (
        servers.web(live.environment) as url,
        httpx.Client(base_url=url, trust_env=False, headers=phone.headers, timeout=20) as client,
    ):
        yield client


def end_connections() -> int:
    """Break every connection to the live database but this one, as a restart does; return how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


def allow_connections(allowed: bool) -> None:
    name = sql.Identifier(str(connection.settings_dict["NAME"]))
    databases.administer(
        sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(name, sql.SQL(str(allowed)))
    )


def outage(client: httpx.Client, *, seconds: float) -> float:
    """Let the database be away for so long; return after how many more a request is answered as ever."""
    end_connections()
    allow_connections(False)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert client.get("/api/v1/me").status_code == 503
    allow_connections(True)
    started = time.monotonic()
    servers.wait_until(lambda: client.get("/api/v1/me").status_code == 200, seconds=60)
    return time.monotonic() - started


def test_no_request_gets_a_pooled_connection_that_broke_however_many_there_are(live):
    with web(live) as client:
        with ThreadPoolExecutor(16) as threads:
            list(threads.map(client.get, ["/api/v1/me"] * 64))
        assert end_connections() > 3

        assert [client.get("/api/v1/me").status_code for _ in range(3)] == [200, 200, 200]


def test_sessions_that_began_read_only_do_not_outlive_a_read_only_database(live):
    name = sql.Identifier(str(connection.settings_dict["NAME"]))
    with web(live) as client:
        databases.administer(
            sql.SQL("ALTER DATABASE {} SET default_transaction_read_only TO on").format(name)
        )
        try:
            end_connections()
            with ThreadPoolExecutor(16) as threads:
                answers = {answer.status_code for answer in threads.map(client.get, ["/api/v1/me"] * 32)}
            assert answers == {503}
        finally:
            databases.administer(
                sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(name)
            )

        servers.wait_until(lambda: client.get("/api/v1/me").status_code == 200, seconds=10)
        assert [client.get("/api/v1/me").status_code for _ in range(10)] == [200] * 10


@pytest.mark.full
def test_after_an_outage_of_the_database_the_pool_connects_within_seconds(live):
    with web(live) as client:
        assert client.get("/api/v1/me").status_code == 200

        assert outage(client, seconds=20) < 8


def test_a_push_behind_a_lock_answers_503_and_health_answers_at_once(live):
    with web(live) as client:
        batch = factories.batch(factories.phq9([0] * 8 + [3]), device=client.headers["X-Device"])
        with owner.locked_tables(live):
            health = {name: client.get(f"/health/{name}", timeout=5) for name in ("live", "ready", "safety")}
            refused = client.post("/api/v1/sync/push", json=batch)
        stored = client.post("/api/v1/sync/push", json=batch)
        ready = client.get("/health/ready")

    assert {name: answer.status_code for name, answer in health.items()} == {
        "live": 200,
        "ready": 503,
        "safety": 503,
    }
    assert (refused.status_code, refused.json()["code"]) == (503, "service_unavailable")
    assert "emergency number" in refused.json()["guidance"]["crisis_text"]
    assert (stored.json()["results"][0]["status"], ready.status_code) == ("stored", 200)
