"""
Real PostgreSQL, as the role that owns nothing; the same actors everywhere. Valkey only where a test names it.

Ada is the patient, Ben is on her team, Cleo is not. ``./dev test`` starts the servers and sets the addresses.
"""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from django.core.signals import request_finished
from django.db import connections, transaction

from tests import databases, factories, rls_context, selection, servers
from tracker.lib import rls


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the long fault, fuzz and load suites too")
    parser.addoption("--contract", action="store_true", help="run the tests that generate clients too")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "full: a long suite, run by `./dev test --full`")
    config.addinivalue_line("markers", "contract: generates clients; `./dev test --contract tests/contract`")
    config.pluginmanager.register(selection.Selection(config), "selection")
    # The processes that tests start are the product, with the product's settings.
    os.environ["DJANGO_SETTINGS_MODULE"] = "backend.settings"
    request_finished.connect(rls_context.end_with_request)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """The whole suite: a process for each processor. Chosen files, and long suites that kill and measure: one."""
    is_whole = config.args_source is not pytest.Config.ArgsSource.ARGS
    return len(os.sched_getaffinity(0)) if is_whole and not config.getoption("--full") else 0


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keep the garbage collector away from what stays until the end: modules, and thousands of tests."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_report_header() -> str:
    return f"seed of random parts: {factories.SEED}"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Drop the template, once all processes of the run are done with it."""
    is_worker = hasattr(session.config, "workerinput")
    if selection.has_database() and not is_worker:
        # With a server that has died the template went too, and what failed is still to be reported.
        with suppress(psycopg.OperationalError):
            databases.drop(databases.TEMPLATE)


@pytest.fixture(scope="session")
def template_database(django_db_blocker: Any) -> str:
    """A migrated database that nobody is connected to, to make others from."""
    with django_db_blocker.unblock():
        return databases.template()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Choose the database before any fixture opens a transaction in it."""
    databases.shared.choose(with_world="shared_world" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def actors_database(template_database: str, django_db_blocker: Any) -> Iterator[str]:
    """The same with the actors of ``world`` in it; one for each process."""
    with django_db_blocker.unblock():
        databases.actors.create(template_database)
    yield databases.actors.name
    databases.drop(databases.actors.name)


@pytest.fixture(scope="session")
def django_db_setup(template_database: str, actors_database: str, django_db_blocker: Any) -> Iterator[None]:
    """
    Every test runs in its own transaction of one of two databases, as the application's role.

    One is empty; in the other the actors of ``world`` are at work, so that no test waits until they are made.
    """
    with django_db_blocker.unblock():
        databases.shared.create(template_database, actors_database)
    yield
    with django_db_blocker.unblock():
        databases.shared.drop()


@pytest.fixture
def fresh_database(template_database: str) -> Iterator[Callable[[], dict[str, str]]]:
    """Make databases for real processes; returns the environment that points at one."""
    with ExitStack() as stack:
        yield lambda: databases.addresses(stack.enter_context(databases.temporary(template_database)))


def empty_queue() -> str:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    address = urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{1 + worker % 15}").geturl()
    with redis.from_url(address) as valkey:
        valkey.flushdb()
    return address


@pytest.fixture
def queue() -> str:
    """The address of an empty Valkey database; each process that runs tests has a number of its own."""
    return empty_queue()


@pytest.fixture
def shared_world(db: None) -> factories.World:
    """The actors who are at work before the test begins, in objects of its own."""
    return databases.actors.world()


@pytest.fixture
def world(shared_world: factories.World) -> Iterator[factories.World]:
    """A clinic at work: Ada, Ben, Cleo and the others. No row-level security context is set when the test begins."""
    yield shared_world
    if not connections["default"].needs_rollback:
        rls.reset()


# One actor asks for what many people would.
UNLIMITED = {"READS_PER_MINUTE": str(10**9), "WRITES_PER_MINUTE": str(10**9)}


@dataclass(frozen=True)
class Live:
    """A database of its own that real processes share with the test, and where their mail goes."""

    world: factories.World
    environment: dict[str, str]
    mail: Path


@pytest.fixture
def actors() -> Callable[[], factories.World] | None:
    """Makes the actors of a ``live`` database, where they are to be others than those of ``world``."""
    return None


@pytest.fixture
def live(
    actors: Callable[[], factories.World] | None,
    template_database: str,
    actors_database: str,
    queue: str,
    django_db_blocker: Any,
    tmp_path: Path,
) -> Iterator[Live]:
    """Transactions really end here, and other processes see what was committed."""
    mail = tmp_path / "mail"
    mail.mkdir()
    template = template_database if actors else actors_database
    with django_db_blocker.unblock(), databases.temporary(template) as name, databases.connected(name):
        with transaction.atomic():
            world = actors() if actors else databases.actors.world()
        addresses = databases.addresses(name) | {"REDIS_URL": queue, "MAIL_DIR": str(mail)}
        yield Live(world, addresses | UNLIMITED, mail)


@dataclass(frozen=True)
class SharedLive(Live):
    """The same with a web server, for all tests of a file."""

    url: str


@pytest.fixture(scope="module")
def site(actors_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedLive]:
    """For tests that do nothing to the server which the next one would mind: most take less time than its start."""
    mail = tmp_path_factory.mktemp("mail")
    with databases.temporary(actors_database) as name:
        environment = (
            databases.addresses(name) | {"REDIS_URL": empty_queue(), "MAIL_DIR": str(mail)} | UNLIMITED
        )
        with servers.web(environment) as url:
            yield SharedLive(databases.actors.world(), environment, mail, url)


@pytest.fixture
def shared_live(site: SharedLive, django_db_blocker: Any) -> Iterator[SharedLive]:
    """``live`` in the database of the file's own web server, where the tests before have left their rows."""
    name = urlsplit(site.environment["DATABASE_URL"]).path.lstrip("/")
    with django_db_blocker.unblock(), databases.connected(name):
        yield replace(site, world=databases.actors.world())
