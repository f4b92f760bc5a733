"""``test``, ``bench``, ``check`` on servers of their own, and ``manage`` on the one database that is meant."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from launcher import locks, product
from launcher.data import KEYS, DataDir, load_secrets
from launcher.output import ROOT, UserError, log
from launcher.processes import supervisor_of
from launcher.servers import free_port
from launcher.stop import SERVICES, stop_services
from launcher.up import DEFAULT_PORT

# Nobody listens there: a command on a given database wakes no worker of another.
_NO_BROKER = {"REDIS_URL": "redis://127.0.0.1:1/0"}
_NO_DATABASE = dict.fromkeys(("DATABASE_URL", "DATABASE_OWNER_URL"), "postgres://nobody@127.0.0.1:1/none")
# Tests make a database, which is a thousand small files, some two hundred times: on a disk that is up to ten times the
# work. Where Linux has room for files in memory, the servers of a run that keeps nothing lie there.
SHARED_MEMORY, MIN_FREE_BYTES = Path("/dev/shm"), 2 * 1024**3
_IN_MEMORY = "memory-"


def manage(arguments: list[str]) -> int:
    """
    Run manage.py: on the database in DATABASE_URL if that is set, else on the one of var/.

    That one is started for as long as it takes, unless it runs. Which database is meant is said first.
    """
    data, given = DataDir(ROOT / "var"), product.given_servers()
    data.path.mkdir(exist_ok=True)
    if not arguments or {arguments[0], *arguments} & {"help", "-h", "--help", "--version"}:
        environment = _at_rest(data) | _NO_DATABASE
    elif "DATABASE_URL" in given:
        missing = [name for name in ("SECRET_KEY", *KEYS) if not {name, f"{name}_FILE"} & set(os.environ)]
        if missing:
            raise UserError(
                f"DATABASE_URL names a database with keys of its own: set {', '.join(missing)} too."
            )
        environment = _at_rest(data) | given
        _say_which(environment, "named by DATABASE_URL")
    elif lock := data.claim():
        with supervisor_of(data, lock, attached=True) as supervisor:
            environment = product.set_up(supervisor, DEFAULT_PORT, given=given, durable=True, tables=False)
            _say_which(environment, "of var/")
            return _run(environment, "manage.py", *arguments)
    else:
        environment = json.loads(data.status.read_text())["environment"]
        _say_which(environment, "running, in var/")
    return _run(environment, "manage.py", *arguments)


def _at_rest(data: DataDir) -> dict[str, str]:
    return product.settings(data, load_secrets(data), DEFAULT_PORT) | _NO_BROKER


def _say_which(environment: Mapping[str, str], origin: str) -> None:
    url = urlsplit(environment["DATABASE_URL"])
    log(f"On the database {url.path.lstrip('/')} at {url.hostname}:{url.port or 5432} ({origin}).")


def _run_on_empty_servers(command: list[str], arguments: list[str], *, like_the_product: bool = False) -> int:
    """
    Run Python on servers of its own, never on a database that somebody named; nothing of them is left afterwards.

    ``like_the_product``: they keep what they were told, and the tables are there.
    """
    full = like_the_product
    parent = ROOT / "var" / "temporary"
    parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(parent)
    # The long suites fill databases, and measure.
    data = make_temporary(parent, in_memory=not full and "--full" not in arguments)
    try:
        lock = data.claim()
        assert lock
        with supervisor_of(data, lock, attached=True) as supervisor:
            environment = product.set_up(supervisor, free_port(), given={}, durable=full, tables=full)
            return _run(environment, *command, *arguments)
    finally:
        _remove(data)


def make_temporary(parent: Path, *, in_memory: bool) -> DataDir:
    """Make the data folder of one run; ``in_memory``: its servers' files lie in memory if there is room."""
    in_memory = in_memory and os.access(SHARED_MEMORY, os.W_OK)
    in_memory = in_memory and shutil.disk_usage(SHARED_MEMORY).free >= MIN_FREE_BYTES
    return _temporary(Path(tempfile.mkdtemp(prefix=_IN_MEMORY if in_memory else None, dir=parent)))


def _temporary(path: Path) -> DataDir:
    """Return a run's data folder: its name tells whoever tidies up where its servers' files are."""
    servers = SHARED_MEMORY / f"interlude-{path.name}" if path.name.startswith(_IN_MEMORY) else None
    return DataDir(path, servers=servers)


def remove_abandoned(parent: Path) -> None:
    """Stop and remove what killed runs left; a living one holds its lock."""
    for abandoned in map(_temporary, parent.iterdir()):
        if abandoned.lock.exists() and not locks.is_held(abandoned.lock):
            stop_services(abandoned, SERVICES)
            _remove(abandoned)


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
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise


test = partial(_run_on_empty_servers, ["-m", "pytest"])
check = partial(_run_on_empty_servers, ["-m", "tests.checks"])
bench = partial(_run_on_empty_servers, ["benchmarks/run.py"], like_the_product=True)
