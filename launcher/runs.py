"""``test``, ``bench``, ``check`` on servers of their own, and ``manage`` on the one database that is meant."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from launcher import locks, product
from launcher.data import KEYS, DataDir, load_secrets
from launcher.groups import alive, stop_services
from launcher.output import ROOT, Interrupted, UserError, interrupt_on_signals, log
from launcher.processes import claim, supervisor_of
from launcher.servers import free_port
from launcher.up import DEFAULT_PORT

# Nobody listens there: a command on a given database wakes no worker of another.
_NO_BROKER = "redis://127.0.0.1:1/0"
_NO_DATABASE = dict.fromkeys(("DATABASE_URL", "DATABASE_OWNER_URL"), "postgres://nobody@127.0.0.1:1/none")


def test(arguments: list[str]) -> int:
    # What the tests write and drop is never a database that somebody named for something else.
    with _temporary_servers("test", durable=False) as (_, environment):
        return _run(environment, "-m", "pytest", *arguments)


def bench(arguments: list[str]) -> int:
    with _temporary_servers("bench", durable=True) as (data, environment):
        product.prepare_database(data, environment)
        return _run(environment, "benchmarks/run.py", *arguments)


def check(arguments: list[str]) -> int:
    with _temporary_servers("check", durable=False) as (_, environment):
        return _run(environment, "-m", "launcher.checks", *arguments)


def manage(arguments: list[str]) -> int:
    """
    Run manage.py: on the database in DATABASE_URL if that is set, else on the one of var/.

    That one is started for as long as it takes, unless it runs. Which database is meant is said first.
    """
    interrupt_on_signals()
    data = DataDir(ROOT / "var")
    data.path.mkdir(exist_ok=True)
    given = product.given_servers()
    if not arguments or {arguments[0], *arguments} & {"help", "-h", "--help", "--version"}:
        return _manage(data, {**_NO_DATABASE, "REDIS_URL": _NO_BROKER}, arguments)
    if "DATABASE_URL" in given:
        if missing := [
            name for name in ("SECRET_KEY", *KEYS) if not {name, f"{name}_FILE"} & set(os.environ)
        ]:
            raise UserError(
                f"DATABASE_URL names a database with keys of its own: set {', '.join(missing)} too."
            )
        _say_which(given, "named by DATABASE_URL")
        return _manage(data, {"REDIS_URL": _NO_BROKER, **given}, arguments)
    lock = claim(data)
    if lock is None:
        environment = json.loads(data.environment.read_text())
        _say_which(environment, "running, in var/")
        return _run(environment, "manage.py", *arguments)
    with supervisor_of(data, lock, attached=True) as supervisor:
        secrets = load_secrets(data)
        urls = product.start_servers(supervisor, secrets, durable=True, **given)
        environment = product.settings(data, secrets, DEFAULT_PORT) | urls
        product.make_roles(data, environment)
        _say_which(urls, "of var/")
        return _run(environment, "manage.py", *arguments)


def _say_which(urls: Mapping[str, str], origin: str) -> None:
    url = urlsplit(urls["DATABASE_URL"])
    log(f"On the database {url.path.lstrip('/')} at {url.hostname}:{url.port or 5432} ({origin}).")


def _manage(data: DataDir, urls: Mapping[str, str], arguments: list[str]) -> int:
    settings = product.settings(data, load_secrets(data), DEFAULT_PORT)
    return _run({**settings, **urls}, "manage.py", *arguments)


@contextlib.contextmanager
def _temporary_servers(name: str, *, durable: bool) -> Iterator[tuple[DataDir, dict[str, str]]]:
    """Lend servers of one's own, with empty databases; nothing of them is left afterwards."""
    interrupt_on_signals()
    parent = ROOT / "var" / "temporary"
    parent.mkdir(parents=True, exist_ok=True)
    _clear_abandoned(parent)
    data = DataDir(Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent)))
    try:
        lock = claim(data)
        assert lock
        with supervisor_of(data, lock, attached=True) as supervisor:
            secrets = load_secrets(data)
            urls = product.start_servers(supervisor, secrets, durable=durable)
            environment = product.settings(data, secrets, free_port()) | urls
            product.make_roles(data, environment)
            yield data, environment
    finally:
        _remove(data)


def _clear_abandoned(parent: Path) -> None:
    """Stop and remove what a killed run left; a living run holds its lock."""
    for folder in parent.iterdir():
        data = DataDir(folder)
        if data.lock.exists() and not locks.is_held(data.lock):
            stop_services(data, alive(data))
            _remove(data)


def _remove(data: DataDir) -> None:
    data.erase()
    shutil.rmtree(data.path, ignore_errors=True)


def _run(environment: Mapping[str, str], *arguments: str) -> int:
    """Run Python in the foreground, in the environment; hand on a request to stop, then wait for it."""
    if sys.stdin.isatty():
        # Ctrl-C reaches the command too, and what it means there is the command's business.
        signal.signal(signal.SIGINT, lambda number, frame: None)
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env={**os.environ, **environment})
    try:
        return process.wait()
    except Interrupted:
        process.terminate()
        process.wait()
        raise
