"""Sessions from the shell: a line of JSON with a session's events in, a line with what follows from them out. Pure."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from pydantic import ValidationError

from tracker.lib import codes, strict_json, validation_errors
from tracker.lib.error_codes import CODES
from tracker.lib.strict_model import as_instant
from tracker.treatment import acceptance, events, limits, overview, products
from tracker.treatment.limits import Limits
from tracker.treatment.products import Route
from tracker.treatment.session_state import PATIENT, Entry, SessionState, derive

_FIELDS = ("events", "at", "limits", "patient", "by")
Doses = dict[tuple[str, str], tuple[Decimal, int, bool]]


class BadLine(ValueError):
    """A line that holds no session; the text says why."""


def check_lines(lines: Iterable[bytes]) -> Iterator[str]:
    """
    Yield a line of JSON for each line of ``{"events": [...]}``, with ``at``, ``limits``, ``patient`` and ``by`` or not.

    Events are those of ``POST /api/v1/sessions/{id}/events``, in the order of their receipt, the plan first; ``at`` is
    the moment that is asked about (without it that of the last event), ``limits`` those that differ from the defaults.
    ``by`` is staff, or patient where the patient enters the events. ``cumulative`` adds up the sessions of one
    ``patient`` (without it: of all lines), by product and route.
    """
    cumulative: dict[Any, Doses] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            answer = _check(line, cumulative)
        except BadLine as bad:
            answer = {"line": number, "error": str(bad)}
        yield orjson.dumps(answer).decode()


def _check(line: bytes, cumulative: dict[Any, Doses]) -> dict[str, Any]:
    try:
        body = strict_json.decode(line)
    except strict_json.BadJSON as problem:
        raise BadLine(CODES[problem.code].detail if problem.code in CODES else "not JSON") from None
    if not isinstance(body, dict) or not isinstance(body.get("events"), list) or not body["events"]:
        raise BadLine("a session is an object with a list of events, the plan first")
    _check_fields(body)
    clinic = _limits(body.get("limits", {}))
    session, rejected = _session(body["events"], clinic, by_patient=body.get("by") == PATIENT)
    at = _instant(body["at"]) if "at" in body else max(each.occurred_at for each in session.entries)
    shown = overview.of_session(session, clinic, at)
    doses = cumulative.setdefault(str(body.get("patient", "")), {})
    _add(doses, session, at)
    return {
        "at": at,
        "rejected": rejected,
        **overview.to_wire(shown),
        "cumulative": [
            {"product": codes.to_wire(product), "route": codes.to_wire(route),
             "mg": float(products.rounded(mg, 2)), "sessions": count, "incomplete": incomplete}
            for (product, route), (mg, count, incomplete) in sorted(doses.items())
        ],
    }  # fmt: skip


def _check_fields(body: dict[str, Any]) -> None:
    """What is misspelt would be left out of the answer without a word."""
    if body.keys() - set(_FIELDS):
        raise BadLine(f"a line has {', '.join(_FIELDS)}, and nothing else")
    if body.get("by", PATIENT) not in ("staff", PATIENT):
        raise BadLine("by is staff or patient")
    if not isinstance(body.get("patient", ""), str):
        raise BadLine("patient is a text")


def _limits(wanted: Any) -> Limits:
    names = (*limits.BOUNDS, "observation_minutes")
    if not isinstance(wanted, dict) or wanted.keys() - set(names):
        raise BadLine(f"limits are among {', '.join(names)}")
    minutes = wanted.get("observation_minutes", {})
    routes = {codes.to_wire(route): route for route in Route}
    if not isinstance(minutes, dict) or minutes.keys() - routes.keys():
        raise BadLine(f"observation_minutes are by route: {', '.join(routes)}")
    own = {name: value for name, value in wanted.items() if name in limits.BOUNDS}
    if any(type(value) is not int for value in (*own.values(), *minutes.values())):
        raise BadLine("a limit is a whole number")
    chosen = Limits(**own, observation_minutes={routes[name]: value for name, value in minutes.items()})
    try:
        limits.check(chosen)
    except limits.OutOfBounds as wrong:
        raise BadLine(str(wrong)) from None
    return chosen


def _instant(value: Any) -> datetime:
    try:
        return as_instant(value)
    except ValueError:
        raise BadLine("at is no instant with an offset") from None


def _session(
    sent: list[Any], clinic: Limits, *, by_patient: bool
) -> tuple[SessionState, list[dict[str, Any]]]:
    """The session of the events that can be taken; and of each other one why not."""
    entries: list[Entry] = []
    rejected: list[dict[str, Any]] = []
    for place, item in enumerate(sent):
        try:
            event = events.parse(item)
        except ValidationError as problem:
            kind = item.get("kind") if isinstance(item, dict) else None
            wrong = validation_errors.of(problem, item, tag=kind if isinstance(kind, str) else None)
            rejected.append({"event": place, "errors": [each.as_dict() for each in wrong]})
            continue
        refusal = _refusal(entries, event, clinic, by_patient=by_patient)
        if refusal is None:
            by = PATIENT if by_patient else "staff"
            entries.append(Entry(event, event.at, event.at.astimezone(UTC), by, timedelta(0)))
        else:
            error = {"pointer": f"/{refusal.field}" if refusal.field else "", "code": refusal.code}
            rejected.append(
                {"event": place, "errors": [error | {"detail": refusal.detail or CODES[refusal.code].detail}]}
            )
    if not entries:
        raise BadLine("the first event is the plan: " + orjson.dumps(rejected[:1]).decode())
    return derive(entries), rejected


def _refusal(
    entries: list[Entry], event: events.Event, clinic: Limits, *, by_patient: bool
) -> acceptance.Refusal | None:
    if not entries:
        if not isinstance(event, events.PlanEvent):
            return acceptance.Refusal("session_not_planned", "kind")
        return acceptance.refused_plan(event)
    if any(entry.event.id == event.id for entry in entries):
        return acceptance.Refusal("id_reused", "id")
    refusal = acceptance.refusal(derive(entries), event, clinic, occurred_at=event.at, is_patient=by_patient)
    after = [*entries, Entry(event, event.at, event.at, PATIENT if by_patient else "staff")]
    return refusal or acceptance.contradiction(derive(entries), derive(after), event)


def _add(doses: Doses, session: SessionState, at: datetime) -> None:
    if not session.counts:
        return
    key = (str(session.product), str(session.route))
    mg, count, incomplete = doses.get(key, (Decimal(0), 0, False))
    total = session.total_mg(at)
    doses[key] = (mg + (total or 0), count + 1, incomplete or total is None)
