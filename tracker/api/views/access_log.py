"""Who saw what: for the patient about herself, for the privacy officer about the clinic."""

from typing import Any

from django.core import signing
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access import access_log
from tracker.access.policy import Action
from tracker.api import schemas
from tracker.api.exceptions import APIProblem
from tracker.api.views.base import ClinicalAPIView, limit_of, only, principal_of, uuid_or_refuse
from tracker.lib import codes

_SALT = "interlude.access-log.page"
_PROBLEMS = {400: schemas.Problem, 401: schemas.Problem, 403: schemas.Problem}
_PAGE = [
    OpenApiParameter("cursor", str, description="`next` of the page before"),
    OpenApiParameter("limit", int, description="1 to 200"),
]


def _before(request: Request) -> int | None:
    cursor = request.query_params.get("cursor")
    if cursor is None:
        return None
    try:
        return int(signing.loads(cursor, salt=_SALT))
    except (signing.BadSignature, ValueError, TypeError):
        raise APIProblem(400, "invalid_cursor", "This cursor is not one of ours.") from None


def _page(request: Request, **asked: Any) -> Response:
    limit = limit_of(request)
    found = access_log.entries(principal_of(request), before=_before(request), limit=limit + 1, **asked)
    shown = found[:limit]
    following = signing.dumps(shown[-1].event.pk, salt=_SALT) if len(found) > limit else None
    return Response({"events": [_shown(look) for look in shown], "next": following})


def _shown(look: access_log.AccessLogEntry) -> dict[str, Any]:
    event = look.event
    return {
        "at": event.at,
        "who": {"name": look.name, "role": codes.to_wire(look.role)},
        "action": event.action,
        "kind": event.kind,
        "purpose": event.purpose or event.subject,
        "result": codes.to_wire(event.result),
        "broken_glass": look.break_glass,
        "categories": codes.all_to_wire(event.detail.get("categories", [])),
        "rows": event.detail.get("count", 0),
    }


class OwnAccessLog(ClinicalAPIView):
    """Who saw what about me, newest first; refused attempts too. ``own=yes`` adds what I did myself."""

    actions = {"GET": Action.READ_OWN_ACCESS_LOG}

    @extend_schema(
        operation_id="me_access_log",
        parameters=[OpenApiParameter("own", str, enum=["yes", "no"]), *_PAGE],
        responses={200: schemas.AccessLogPage, **_PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        only(request, "own", "cursor", "limit")
        own = request.query_params.get("own", "no")
        if own not in {"yes", "no"}:
            raise APIProblem(400, "invalid", "own is yes or no.", [{"parameter": "own", "code": "invalid"}])
        return _page(request, patient_id=principal_of(request).own_patient_id, own=own == "yes")


class AccessLog(ClinicalAPIView):
    """What happened at the clinic, newest first: for its privacy officer. With ``patient``, about one patient."""

    actions = {"GET": Action.READ_ACCESS_LOG}

    @extend_schema(
        operation_id="access_log",
        parameters=[OpenApiParameter("patient", str, description="a patient's id"), *_PAGE],
        responses={200: schemas.AccessLogPage, **_PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        only(request, "patient", "cursor", "limit")
        named = request.query_params.get("patient")
        return _page(request, patient_id=uuid_or_refuse(named, "patient") if named else None, own=True)
