"""The product's settings, its set-up and its processes, on servers that are given or embedded."""

import http.client
import json
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from launcher.data import KEYS, DataDir
from launcher.output import ROOT, UserError, last_lines, log
from launcher.processes import Service, Supervisor
from launcher.servers import embedded_postgres, embedded_valkey
from launcher.venv import PYTHON, VENV

READY_SECONDS = 90
MANAGE = [str(PYTHON), str(ROOT / "manage.py")]
# For those who set up a database; the product's own processes never see them.
OWNERS_ADDRESSES = ("DATABASE_OWNER_URL", "DATABASE_ADMIN_URL")


def given_servers() -> dict[str, str]:
    """Return the addresses that the environment names; none of these servers is ours to start."""
    names = ("DATABASE_URL", *OWNERS_ADDRESSES, "REDIS_URL")
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def start_servers(
    supervisor: Supervisor, secrets: dict[str, str], *, durable: bool, **given: str
) -> dict[str, str]:
    """Start the embedded servers, save those that are given; return all addresses."""
    urls = {} if "DATABASE_URL" in given else embedded_postgres(supervisor, secrets, durable=durable)
    if "REDIS_URL" not in given:
        urls |= embedded_valkey(supervisor, secrets, durable=durable)
    return given | urls


def settings(data: DataDir, secrets: dict[str, str], port: int) -> dict[str, str]:
    """Return the product's settings, save the servers' addresses."""
    return {
        # A database given from outside may have come with keys of its own.
        **{name: os.environ.get(name) or secrets[name.lower()] for name in ("SECRET_KEY", *KEYS)},
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "MAIL_DIR": str(data.mail),
        "AUDIT_ANCHORS": os.environ.get("AUDIT_ANCHORS") or str(data.anchors),
        "DEBUG": os.environ.get("DEBUG", "0"),
        "DJANGO_SETTINGS_MODULE": "backend.settings",
        "PYTHONUNBUFFERED": "1",
        "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', '/usr/bin:/bin')}",
    }


def prepare_database(data: DataDir, environment: Mapping[str, str]) -> None:
    """Make roles and database where there are none, migrate, load the catalogue. The tests make databases too."""
    _set_up(data, environment, "prepare_database", "--owner-creates-databases")


def make_roles(data: DataDir, environment: Mapping[str, str]) -> None:
    """Make the roles and the database of embedded servers, and no tables."""
    _set_up(data, environment, "prepare_database", "--owner-creates-databases", "--roles-only")


def make_demo_people(data: DataDir, environment: Mapping[str, str]) -> None:
    log("Making the demo clinic's people ...")
    _set_up(data, environment, "demo", "people", "--sign-ins", str(data.sign_ins))
    data.sign_ins.chmod(0o600)


def _set_up(data: DataDir, environment: Mapping[str, str], *command: str) -> None:
    """
    Run a command of manage.py; show its sentences as they come, keep everything else in a log.

    :raises UserError: if it fails, with its own sentence.
    """
    path, step = data.log_of("setup"), "The set-up"
    with (
        open(path, "w") as words,
        subprocess.Popen(
            [*MANAGE, *command], cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE,
            stderr=words, text=True,
        ) as process,
    ):  # fmt: skip
        try:
            for line in process.stdout or ():
                step = line.strip()
                log(step)
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        reason = last_lines(path, 1).strip().removeprefix("CommandError: ").rstrip(".")
        raise UserError(f"{step.rstrip(' .')}: that failed ({reason}); the whole story is in {path}.")


def services(data: DataDir, environment: Mapping[str, str], port: int) -> list[Service]:
    celery = [str(PYTHON), "-m", "celery", "-A", "backend"]
    worker = "worker --pool prefork --concurrency 2 --loglevel INFO --without-gossip"
    beat = ["--schedule", str(data.run / "beat"), "--pidfile=", "--loglevel", "INFO"]
    env = _without_owner(environment)
    return [
        Service("web", [str(PYTHON), "-m", "backend.serve", "--port", str(port)], {"env": env}),
        Service("worker", [*celery, *worker.split()], {"env": env}),
        Service("beat", [*celery, "beat", *beat], {"env": env}),
        Service("watch", [*MANAGE, "watch"], {"env": env}),
    ]


def demo_loading(data: DataDir, environment: Mapping[str, str]) -> Service:
    """Return the process that fills the demo clinic. It may be killed, and goes on where it stopped."""
    command = [*MANAGE, "demo", "load", "--url", environment["PUBLIC_URL"], "--sign-ins", str(data.sign_ins)]
    return Service("demo", command, {"env": _without_owner(environment)}, once=True)


def _without_owner(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: text for name, text in {**os.environ, **environment}.items() if name not in OWNERS_ADDRESSES
    }


def wait_until_ready(supervisor: Supervisor, port: int) -> None:
    """:raises UserError: if a process ends, the web server is not ready in time, or a given broker does not answer."""
    deadline = time.monotonic() + READY_SECONDS
    while not (answer := health(port, "ready", statuses=(200,))):
        for service in supervisor.exited():
            raise _failure(supervisor.data.log_of(service.name), f"The {service.name} process ended")
        if time.monotonic() > deadline:
            raise _failure(
                supervisor.data.log_of("web"), f"The web server is not ready after {READY_SECONDS} s"
            )
        time.sleep(0.1)
    if answer["broker"] != "ready":
        raise UserError(f"The broker cannot be reached; check REDIS_URL. It is {answer['broker']}.")


def _failure(path: Path, sentence: str) -> UserError:
    return UserError(f"{sentence}; the end of its log, {path}, follows.\n{last_lines(path)}")


def health(port: int, name: str, *, statuses: tuple[int, ...]) -> dict[str, Any] | None:
    """Return what ``/health/<name>`` answers, or None if it does not, or with another status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", f"/health/{name}")
        answer = connection.getresponse()
        body: dict[str, Any] = json.loads(answer.read())
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return body if answer.status in statuses else None
