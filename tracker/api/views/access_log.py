"""Who saw what: for the patient about herself, for the privacy officer about the clinic."""

from datetime import datetime
from typing import Annotated, Any, Literal

from drf_spectacular.utils import extend_schema
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access import access_log
from tracker.access.policy import Action
from tracker.api.queries import Cursor, Limit, parse_query
from tracker.api.views.base import ClinicalAPIView, principal_of
from tracker.lib import codes
from tracker.lib.cursors import CursorCipher
from tracker.lib.strict_model import Id, StrictModel

_CURSORS = CursorCipher("access-log")


class AccessLogPerson(BaseModel):
    name: str
    role: str


class AccessLogEvent(BaseModel):
    at: datetime
    who: AccessLogPerson
    action: str
    kind: str
    purpose: str
    result: str
    break_glass: bool
    categories: list[str]
    rows: int


class AccessLogPage(BaseModel):
    events: list[AccessLogEvent]
    next: str | None


class OwnAccessLogQuery(StrictModel):
    """Whether to add what I did myself."""

    own: Literal["yes", "no"] = "no"
    cursor: Cursor | None = None
    limit: Limit = 50


class AccessLogQuery(StrictModel):
    """About which patient; all of the clinic without."""

    patient: Annotated[Id, Field(description="a patient's id")] | None = None
    cursor: Cursor | None = None
    limit: Limit = 50


def _page(request: Request, cursor: str | None, limit: int, **about: Any) -> Response:
    principal = principal_of(request)
    of = (principal.user_id, about["patient_id"], about["own"])
    before = None if cursor is None else _CURSORS.decrypt(cursor, int, of=of)
    entries = access_log.entries(principal, before=before, limit=limit + 1, **about)
    page = entries[:limit]
    following = _CURSORS.encrypt(page[-1].event.pk, of=of) if len(entries) > limit else None
    return Response({"events": [_entry_out(entry) for entry in page], "next": following})


def _entry_out(entry: access_log.AccessLogEntry) -> dict[str, Any]:
    event = entry.event
    return {
        "at": event.at,
        "who": {"name": entry.name, "role": codes.to_wire(entry.role)},
        "action": event.action,
        "kind": event.kind,
        "purpose": event.purpose or event.subject,
        "result": codes.to_wire(event.result),
        "break_glass": entry.break_glass,
        "categories": codes.all_to_wire(event.detail.get("categories", [])),
        "rows": event.detail.get("count", 0),
    }


class OwnAccessLog(ClinicalAPIView):
    """Who saw what about me, newest first; refused attempts too. ``own=yes`` adds what I did myself."""

    actions = {"GET": Action.READ_OWN_ACCESS_LOG}
    queries = {"GET": OwnAccessLogQuery}

    @extend_schema(
        operation_id="me_access_log", summary="List who saw what of me", responses={200: AccessLogPage}
    )
    def get(self, request: Request) -> Response:
        query = parse_query(request, OwnAccessLogQuery)
        patient_id, own = principal_of(request).own_patient_id, query.own == "yes"
        return _page(request, query.cursor, query.limit, patient_id=patient_id, own=own)


class AccessLog(ClinicalAPIView):
    """What happened at the clinic, newest first: for its privacy officer. With ``patient``, about one patient."""

    actions = {"GET": Action.READ_ACCESS_LOG}
    queries = {"GET": AccessLogQuery}

    @extend_schema(
        operation_id="access_log", summary="List who saw what in the clinic", responses={200: AccessLogPage}
    )
    def get(self, request: Request) -> Response:
        query = parse_query(request, AccessLogQuery)
        return _page(request, query.cursor, query.limit, patient_id=query.patient, own=True)
