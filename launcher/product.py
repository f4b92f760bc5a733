"""The product's settings, its set-up and its processes, on servers that are given or embedded."""

import http.client
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from launcher import servers
from launcher.data import KEYS, DataDir, load_secrets
from launcher.output import ROOT, UserError, last_lines, log, private
from launcher.processes import Service, Supervisor
from launcher.venv import PYTHON, VENV

READY_SECONDS = 90
MANAGE = [str(PYTHON), str(ROOT / "manage.py")]
# For those who set up a database; the product's own processes never see them.
OWNERS_ADDRESSES = ("DATABASE_OWNER_URL", "DATABASE_ADMIN_URL")
# Beat sends names of tasks to the broker (``backend.beat``): it opens no database and decrypts nothing.
NOT_BEATS = ("SECRET_KEY", "MASTER_KEY", "MASTER_KEYS_OLD", "LOOKUP_KEY", "DATABASE_URL", "SMTP_PASSWORD")


def given_servers() -> dict[str, str]:
    """Return the addresses that the environment names; none of these servers is ours to start."""
    names = ("DATABASE_URL", *OWNERS_ADDRESSES, "REDIS_URL")
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def set_up(
    supervisor: Supervisor, port: int, *, given: dict[str, str], durable: bool, tables: bool
) -> dict[str, str]:
    """
    Start the servers that are not given; make roles and database where there are none; return the product's settings.

    ``tables``: migrate and load the catalogue too. The owner may create databases: the tests do.
    """
    data, secrets = supervisor.data, load_secrets(supervisor.data)
    environment = settings(data, secrets, port) | given
    if "DATABASE_URL" not in given:
        environment |= servers.start_postgres(supervisor, secrets, durable=durable)
    if "REDIS_URL" not in given:
        environment |= servers.start_valkey(supervisor, secrets, durable=durable)
    only_roles = [] if tables else ["--roles-only"]
    run_step(data, environment, "prepare_database", "--owner-creates-databases", *only_roles)
    return environment


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


def run_step(data: DataDir, environment: Mapping[str, str], *command: str) -> None:
    """
    Run a command of manage.py; show its sentences as they come, keep everything else in a log.

    :raises UserError: if it fails, with its own sentence.
    """
    path, step, command = data.log_of("setup"), "The set-up", (*MANAGE, *command)
    with (
        open(path, "w", opener=private) as words,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            text=True,
            stdout=subprocess.PIPE,
            stderr=words,
        ) as process,
    ):
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


def _without(names: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without these settings; ``NAME_FILE`` names a file that holds the same secret."""
    return {name: text for name, text in environment.items() if name.removesuffix("_FILE") not in names}


def services(data: DataDir, environment: Mapping[str, str], port: int) -> list[Service]:
    """Return the product's processes; the last fills the demo clinic."""
    celery = [str(PYTHON), "-m", "celery", "-A"]
    worker = "worker --pool prefork --concurrency 2 --loglevel INFO --without-gossip"
    beat = ["--schedule", str(data.run / "beat"), "--pidfile=", "--loglevel", "INFO"]
    demo = ["demo", "load", "--url", environment["PUBLIC_URL"], "--sign-ins", str(data.sign_ins)]
    # Only worker and watch sign the audit's anchors: with the worker or its broker dead, watch alone does.
    signer = _without(OWNERS_ADDRESSES, {**os.environ, **environment})
    env = _without(("ANCHOR_KEY",), signer)
    return [
        Service("web", [str(PYTHON), "-m", "backend.serve", "--port", str(port)], {"env": env}),
        Service("worker", [*celery, "backend", *worker.split()], {"env": signer}),
        Service("beat", [*celery, "backend.beat", "beat", *beat], {"env": _without(NOT_BEATS, env)}),
        Service("watch", [*MANAGE, "watch"], {"env": signer}),
        # It may be killed, and goes on where it stopped.
        Service("demo", [*MANAGE, *demo], {"env": env}, once=True),
    ]


def wait_until_ready(supervisor: Supervisor, port: int) -> None:
    """:raises UserError: if a process ends, the web server is not ready in time, or a given broker does not answer."""
    answer = supervisor.wait_for("web", lambda: health(port, "ready", statuses=(200,)), seconds=READY_SECONDS)
    if answer["broker"] != "ready":
        raise UserError(f"The broker cannot be reached; check REDIS_URL. It is {answer['broker']}.")


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
