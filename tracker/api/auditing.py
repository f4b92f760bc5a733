"""Audit events of requests: the base of all views records one for each, so that no view can forget it."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework.views import APIView

from tracker.access import anonymous_events
from tracker.access.principal import Principal
from tracker.accounts import sessions
from tracker.audit import actions as audit
from tracker.audit.actions import EventBuffer
from tracker.audit.models import Result


def record_response(buffer: EventBuffer, view: APIView, response: Any) -> None:
    """
    Write what the request did, in its transaction.

    What the view has noted itself is its event, and gets what only the answer tells: kind and ids. A view that
    noted nothing leaves the plain event of its route.
    """
    principal = getattr(view.request, "_user", None)
    if isinstance(principal, Principal):
        buffer.device = str(principal.device_id or "")
        shown = _ids_shown(response.data)
        if not buffer.events:
            audit.record_event(
                **_plain(view, principal),
                result=_result(response),
                patients=shown.patients - own_patient(principal),
            )
        event = buffer.events[0]
        event["device"] = event["device"] or buffer.device
        event["kind"] = event["kind"] or _kind(view)
        event["purpose"] = event["purpose"] or _purpose(view)
        event["detail"] = audit.bounded_ids(shown.ids or _ids(view)) | event["detail"]
    audit.flush(buffer)


def record_refusal(view: APIView, response: Any) -> None:
    """Write that a request was refused; its own transaction is undone, so this is one of its own."""
    principal = getattr(view.request, "_user", None)
    throttled = getattr(view, "too_many_requests", None)
    # Of a flood the first refusal is written: the audit does not grow with what is thrown away.
    if response.status_code >= 500 or (throttled is not None and not throttled.is_first):
        return
    detail = {"status": response.status_code}
    if isinstance(principal, Principal):
        audit.record_event_in_own_transaction(
            **_plain(view, principal),
            kind=_kind(view),
            ids=_ids(view),
            purpose=_purpose(view),
            result=Result.REFUSED,
            detail=detail,
        )
        return
    # A token that no longer holds: an account that was switched off, a password that has changed.
    known = sessions.user_of_token(view.request.headers.get("X-Session-Token", ""), timezone.now())
    if known:
        anonymous_events.record_or_count(
            actor=f"user/{known}", action="refuse", subject=_kind(view), at=timezone.now(), kind=_kind(view),
            purpose=_purpose(view), result=Result.REFUSED, detail=detail,
        )  # fmt: skip


def own_patient(principal: Principal) -> set[UUID]:
    """The patient that a principal is, if they are one."""
    return {principal.patient_id} if principal.patient_id else set()


class _Shown:
    """The ids that an answer shows: of rows, and of the patients they are about."""

    def __init__(self) -> None:
        self.ids: list[UUID] = []
        self.patients: set[UUID] = set()

    def take(self, row: Any) -> None:
        if isinstance(row, dict):
            self.ids += [one for one in [_uuid(row.get("id"))] if one]
            self.patients |= {one for one in [_uuid(row.get("patient"))] if one}


def _ids_shown(data: Any) -> _Shown:
    """Look at an answer and at the lists in it, no deeper."""
    shown = _Shown()
    for row in _rows(data):
        shown.take(row)
    return shown


def _rows(data: Any) -> Iterator[Any]:
    if isinstance(data, dict):
        yield data
        for part in data.values():
            yield from part if isinstance(part, list) else [part]


def _uuid(value: Any) -> UUID | None:
    """Return an id; anything that is none is left out, so no value can slip into the buffer."""
    if isinstance(value, UUID):
        return value
    try:
        return UUID(value) if isinstance(value, str) and len(value) == 36 else None
    except ValueError:
        return None


def _plain(view: APIView, principal: Principal) -> dict[str, Any]:
    method = "GET" if view.request.method == "HEAD" else str(view.request.method)
    return {
        "actor": principal.actor,
        "action": str(getattr(view, "actions", {}).get(method, "refuse")),
        "subject": _kind(view),
        "clinic_id": principal.clinic_id,
        "patient_id": principal.patient_id or _asked_for(view),
        "at": timezone.now(),
        "device": principal.device_id or "",
    }


def _asked_for(view: APIView) -> UUID | None:
    return _uuid(view.request.GET.get("patient"))


def _result(response: Any) -> str:
    return Result.DONE if response.status_code < 400 else Result.REFUSED


def _ids(view: APIView) -> list[UUID]:
    """The ids in the address."""
    return [value for value in view.kwargs.values() if isinstance(value, UUID)]


def _kind(view: APIView) -> str:
    match = view.request.resolver_match
    return str(match.url_name) if match else ""


def _purpose(view: APIView) -> str:
    match = view.request.resolver_match
    return f"{view.request.method} /{match.route}" if match else ""
