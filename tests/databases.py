"""Databases for tests: made by the owner's role from a migrated template, used as the application's role."""

import os
import pickle
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
from django.core.management import call_command
from django.db import connections, transaction
from psycopg import sql

from backend import env
from tests import factories
from tracker.access import database_roles

# The processes of one run share it, and with it the template.
RUN = os.environ.setdefault("TEST_RUN", secrets.token_hex(4))
TEMPLATE = f"template_{RUN}"


def administer(*statements: sql.Composed) -> None:
    with psycopg.connect(env.text("DATABASE_OWNER_URL"), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def create(name: str, template: str = "template0") -> None:
    administer(
        sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    )
    if template != "template0":
        database_roles.set_timeouts(env.database("DATABASE_URL") | {"NAME": name})


def drop(name: str) -> None:
    """Drop a database with all its connections; a vacuum of the server's own is no one's to end, so wait for it."""
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    for _ in range(120):
        try:
            return administer(statement)
        except psycopg.errors.InsufficientPrivilege:
            time.sleep(0.25)
    administer(statement)


@contextmanager
def temporary(template: str) -> Iterator[str]:
    """Create a database for as long as the block runs; yields its name."""
    name = f"fresh_{secrets.token_hex(4)}"
    create(name, template)
    try:
        yield name
    finally:
        drop(name)


def connect_as(user: object, password: object, name: str) -> None:
    """Let Django's connection lead to another database or role from now on."""
    connection = connections["default"]
    connection.close()
    connection.settings_dict |= {"NAME": name, "USER": user, "PASSWORD": password}


@contextmanager
def connected(name: str) -> Iterator[None]:
    """Let Django's connection lead to another database until the block ends."""
    settings = connections["default"].settings_dict
    before = settings["NAME"]
    connect_as(settings["USER"], settings["PASSWORD"], name)
    yield
    connect_as(settings["USER"], settings["PASSWORD"], before)


def connect_as_owner(name: str) -> None:
    owner = env.database("DATABASE_OWNER_URL")
    connect_as(owner["USER"], owner["PASSWORD"], name)


def addresses(name: str) -> dict[str, str]:
    """Return the environment that points a process at a database."""
    return {
        variable: urlsplit(os.environ[variable])._replace(path=f"/{name}").geturl()
        for variable in ("DATABASE_URL", "DATABASE_OWNER_URL")
    }


def template() -> str:
    """Return the name of this run's migrated database with the catalogue in it; the first process to ask creates it."""
    with psycopg.connect(env.text("DATABASE_OWNER_URL"), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [TEMPLATE])
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone():
            _create_template()
    return TEMPLATE


def _create_template() -> None:
    settings = connections["default"].settings_dict
    before = (settings["USER"], settings["PASSWORD"], settings["NAME"])
    unfinished = f"unfinished_{RUN}"
    create(unfinished)
    connect_as_owner(unfinished)
    call_command("migrate", verbosity=0)
    call_command("grant_app_role", role=before[0], verbosity=0)
    call_command("load_catalogue", verbosity=0)
    connect_as(*before)
    administer(
        sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(unfinished), sql.Identifier(TEMPLATE))
    )


class Actors:
    """A database that nobody is connected to, with the actors in it, to make others from."""

    def __init__(self) -> None:
        self.name = f"actors_{secrets.token_hex(4)}"
        self._world = b""

    def create(self, template: str) -> None:
        create(self.name, template)
        settings = connections["default"].settings_dict
        before = settings["NAME"]
        connect_as(settings["USER"], settings["PASSWORD"], self.name)
        with transaction.atomic():
            self._world = pickle.dumps(factories.world())
        connect_as(settings["USER"], settings["PASSWORD"], before)

    def world(self) -> factories.World:
        """Return the actors, in objects of the test's own."""
        world: factories.World = pickle.loads(self._world)
        return world


class Shared:
    """The two databases that the tests of one process share, each test in a transaction that is rolled back."""

    def __init__(self) -> None:
        self._empty = f"test_{secrets.token_hex(4)}"
        self._with_world = f"world_{secrets.token_hex(4)}"
        self._chosen = self._empty
        self._is_there = False

    def create(self, template: str, with_world: str) -> None:
        create(self._empty, template)
        create(self._with_world, with_world)
        self._is_there = True
        self._connect(self._chosen)

    def choose(self, *, with_world: bool) -> None:
        """Let Django's connection lead to one of the two."""
        chosen = self._with_world if with_world else self._empty
        if self._is_there and chosen != self._chosen:
            self._connect(chosen)
        self._chosen = chosen

    def drop(self) -> None:
        connections["default"].close()
        drop(self._empty)
        drop(self._with_world)

    def _connect(self, name: str) -> None:
        settings = connections["default"].settings_dict
        connect_as(settings["USER"], settings["PASSWORD"], name)


actors = Actors()
shared = Shared()
