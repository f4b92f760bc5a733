"""
Real PostgreSQL, as the role that owns nothing; the same actors everywhere. Valkey only where a test names it.

Ada is the patient, Ben is on her team, Cleo is not. ``./dev test`` starts the servers and sets the addresses.
"""

import os
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections, transaction
from psycopg import sql

from backend import env
from tests import factories
from tracker.lib import rls

OWNER = env.database("DATABASE_OWNER_URL")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the long fault, fuzz and load suites too")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "full: a long suite, run by `./dev test --full`")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long suites are left out, not skipped: a skipped test is a failed one."""
    if config.getoption("--full"):
        return
    long = [item for item in items if item.get_closest_marker("full")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def pytest_report_header() -> str:
    return f"seed of random parts: {factories.SEED}"


def _administer(*statements: sql.Composed) -> None:
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def _create(name: str, template: str = "template0") -> None:
    _administer(
        sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    )


def _drop(name: str) -> None:
    """Drop a database with all its connections; a vacuum of the server's own is no one's to end, so wait for it."""
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    for _ in range(40):
        try:
            return _administer(statement)
        except psycopg.errors.InsufficientPrivilege:
            time.sleep(0.25)
    _administer(statement)


def _connect_as(user: object, password: object, name: str) -> None:
    connection = connections["default"]
    connection.close()
    connection.settings_dict |= {"NAME": name, "USER": user, "PASSWORD": password}


@pytest.fixture(scope="session")
def template_database(django_db_blocker: Any) -> Iterator[str]:
    """A migrated database that nobody is connected to, to make others from."""
    settings = connections["default"].settings_dict
    app = (settings["USER"], settings["PASSWORD"])
    name = f"template_{secrets.token_hex(4)}"
    _create(name)
    with django_db_blocker.unblock():
        _connect_as(OWNER["USER"], OWNER["PASSWORD"], name)
        call_command("migrate", verbosity=0)
        call_command("grant_app_role", role=app[0], verbosity=0)
        call_command("load_catalogue", verbosity=0)
        _connect_as(*app, name)
    yield name
    _drop(name)


@pytest.fixture(scope="session")
def django_db_setup(template_database: str, django_db_blocker: Any) -> Iterator[None]:
    """Every test of the session runs in its own transaction of one database, as the application's role."""
    settings = connections["default"].settings_dict
    name = f"test_{secrets.token_hex(4)}"
    _create(name, template_database)
    with django_db_blocker.unblock():
        _connect_as(settings["USER"], settings["PASSWORD"], name)
    yield
    with django_db_blocker.unblock():
        connections["default"].close()
    _drop(name)


@pytest.fixture
def fresh_database(template_database: str) -> Iterator[Callable[[], dict[str, str]]]:
    """Make databases for real processes; returns the environment that points at one."""
    made: list[str] = []

    def fresh() -> dict[str, str]:
        name = f"fresh_{secrets.token_hex(4)}"
        _create(name, template_database)
        made.append(name)
        addresses = {}
        for variable in ("DATABASE_URL", "DATABASE_OWNER_URL"):
            addresses[variable] = urlsplit(os.environ[variable])._replace(path=f"/{name}").geturl()
        return addresses

    yield fresh
    for name in made:
        _drop(name)


@pytest.fixture
def world(db: None) -> Iterator[factories.World]:
    """A clinic at work: Ada, Ben, Cleo and the others. No row-level security context is set when the test begins."""
    yield factories.world()
    if not connections["default"].needs_rollback:
        rls.reset()


@dataclass(frozen=True)
class Live:
    """A database of its own that real processes share with the test, and where their mail goes."""

    world: factories.World
    environment: dict[str, str]
    mail: Path


@pytest.fixture
def actors() -> Callable[[], factories.World]:
    """Who is at work in a ``live`` database."""
    return factories.world


@pytest.fixture
def live(
    actors: Callable[[], factories.World],
    fresh_database: Callable[[], dict[str, str]],
    django_db_blocker: Any,
    tmp_path: Path,
) -> Iterator[Live]:
    """Transactions really end here, and other processes see what was committed."""
    settings = connections["default"].settings_dict
    before = settings["NAME"]
    environment = fresh_database()
    mail = tmp_path / "mail"
    mail.mkdir()
    # Valkey's numbered databases keep the queues of two tests apart.
    queue = urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{1 + secrets.randbelow(15)}").geturl()
    with django_db_blocker.unblock():
        name = urlsplit(environment["DATABASE_URL"]).path.lstrip("/")
        _connect_as(settings["USER"], settings["PASSWORD"], name)
        with transaction.atomic():
            world = actors()
        yield Live(world, environment | {"REDIS_URL": queue, "MAIL_DIR": str(mail)}, mail)
        _connect_as(settings["USER"], settings["PASSWORD"], before)
