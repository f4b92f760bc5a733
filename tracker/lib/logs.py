"""
Structured logs by allow-list: an event's name and a few fields that can hold no health data.

A field that is not on the list is dropped and counted, so that a careless ``log.info(patient=...)`` leaks
nothing. Libraries log through the same filter: their arguments and tracebacks' texts never leave.
"""

import logging
import re
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any

import structlog

ALLOWED = frozenset(
    {
        *("event", "level", "logger", "timestamp", "request_id", "route", "method", "status", "ms", "actor"),
        *(
            "task",
            "task_id",
            "worker",
            "attempt",
            "count",
            "clinic",
            "channel",
            "error",
            "seconds",
            "pending",
            "table",
            "rows",
        ),
    }
)


_PLACES = re.compile(r"%(\(\w+\))?[-#0 +]*[\d.]*[a-zA-Z]")


request_id: ContextVar[str] = ContextVar("request_id", default="")


def _of_request(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Whatever is logged during a request carries its id."""
    if request_id.get():
        event.setdefault("request_id", request_id.get())
    return event


def _allow(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    kept = {name: value for name, value in event.items() if name in ALLOWED or name.startswith("_")}
    dropped = len(event) - len(kept)
    return kept | {"dropped": dropped} if dropped else kept


def _only_the_type(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception is logged by type and place; its text may hold a value."""
    problem = event.pop("exc_info", None)
    if isinstance(problem, tuple):
        problem = problem[1]
    if isinstance(problem, BaseException):
        event["error"] = type(problem).__name__
        place = problem.__traceback__
        while place and place.tb_next:
            place = place.tb_next
        if place:
            event["error"] += f" at {place.tb_frame.f_globals.get('__name__')}:{place.tb_lineno}"
        # The name of a broken constraint is ours; the row that broke it is not told.
        diagnosis = getattr(problem.__cause__, "diag", None)
        if diagnosis is not None and diagnosis.constraint_name:
            event["error"] += f" ({diagnosis.constraint_name})"
    return event


def _without_arguments(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A library's record keeps its template, not the values that were to be put into it."""
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        template = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        # Django logs a suspicious request by the text of its exception, which repeats what was sent.
        problem = record.exc_info[1] if record.exc_info else None
        if problem is not None and template == str(problem):
            template = type(problem).__name__
        event["event"] = _PLACES.sub("...", template)
        told = getattr(record, "data", None)
        if isinstance(told, dict):  # Celery's own facts about a task; its arguments and result stay here.
            event.update(task=told.get("name"), task_id=told.get("id"), seconds=told.get("runtime"))
        if record.exc_info:
            event["exc_info"] = record.exc_info
    return event


_SHARED: list[Any] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    _of_request,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def is_no_unavailable(record: logging.LogRecord) -> bool:
    """
    Whether Django's own line of a request stays: not that of a 503, which it calls an error.

    Whoever answers it logs why, and health once for each change: a monitor that asks for hours fills no log.
    """
    return getattr(record, "status_code", None) != 503


SETTINGS: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            "foreign_pre_chain": [*_SHARED, _without_arguments, _only_the_type, _allow],
        }
    },
    "filters": {
        "no_unavailable": {
            "()": "django.utils.log.CallbackFilter",
            "callback": is_no_unavailable,
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "django.request": {"filters": ["no_unavailable"]},
        "django.server": {"handlers": ["console"], "level": "WARNING", "propagate": False},
    },
}

structlog.configure(
    processors=[*_SHARED, _only_the_type, _allow, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)


def get(name: str) -> Any:
    """Return the logger of a module."""
    return structlog.get_logger(name)
