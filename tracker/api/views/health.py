"""Is the process alive, is it ready to serve? Open to everybody; says nothing about anybody."""

from dataclasses import asdict
from typing import Any

import orjson
from celery import current_app
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from tracker.access.policy import public
from tracker.alerts import safety_status, unread_writes, write_probe
from tracker.lib import database_errors, logs
from tracker.lib.short_transaction import short_transaction

log = logs.get(__name__)


# What each health route answered last in this process.
_statuses: dict[str, int] = {}


def _log_change(name: str, status: int) -> None:
    """Log a status that is another than the last one, and nothing of a monitor that asks on and on."""
    if _statuses.get(name, 200) != status:
        level = log.info if status == 200 else log.warning
        level(f"{name} changed", status=status)
    _statuses[name] = status


def _answer(body: dict[str, Any], status: int = 200) -> HttpResponse:
    response = HttpResponse(orjson.dumps(body), status=status, content_type="application/json")
    response["Cache-Control"] = "no-store"
    if status == 503:
        response["Retry-After"] = "5"
    return response


@public("says that the process answers, and nothing about anybody")
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """200 while the process answers."""
    return _answer({"status": "alive"})


def _database() -> str:
    try:
        with short_transaction():
            executor = MigrationExecutor(connection)
            if executor.migration_plan(executor.loader.graph.leaf_nodes()):
                return "migrations pending"
        write_probe.prove_write()
    except (DatabaseError, InterfaceError) as problem:
        return "read-only" if database_errors.is_read_only(problem) else "unavailable"
    return "ready"


def _broker() -> str:
    try:
        with current_app.connection_for_write() as broker:
            broker.ensure_connection(max_retries=1, timeout=1)
    except Exception as problem:
        # Whatever the transport raises: the broker is unavailable, and the database is not.
        return f"unavailable ({type(problem).__name__})"
    return "ready"


@public("says whether database and broker answer, and nothing about anybody")
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """
    200 when the database is migrated and has just taken a write, else 503 within two seconds.

    A dead broker is named but does not make the service unready: entries and alerts need only PostgreSQL.
    """
    database = _database()
    body = {
        "status": "ready" if database == "ready" else "not ready",
        "database": database,
        "broker": _broker(),
    }
    status = 200 if database == "ready" else 503
    _log_change("health/ready", status)
    return _answer(body, status)


@public("says whether alerts and messages go out, and nothing about anybody")
@require_safe
def safety(request: HttpRequest) -> HttpResponse:
    """200 while worker and watch are at work and what is due goes out, else 503 with what is not, in words."""
    try:
        with short_transaction():
            status, unread = safety_status.read(), unread_writes.last_day(timezone.now())
    except (DatabaseError, InterfaceError):
        _log_change("health/safety", 503)
        return _answer({"status": "failing", "failing": ["the database does not answer"]}, 503)
    body = asdict(status) | {"mail": settings.MAIL_BY, "unread_writes_last_day": unread}
    _log_change("health/safety", 503 if status.failing else 200)
    if status.failing:
        return _answer({"status": "failing", "failing": status.failing} | body, 503)
    return _answer({"status": "ok"} | body)
