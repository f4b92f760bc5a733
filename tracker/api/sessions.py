"""Where I am signed in; and ending one of those sign-ins."""

from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.api import shapes
from tracker.api.doors import Door, only, session_of, viewer_of
from tracker.audit import actions as audit
from tracker.people import sessions
from tracker.people.access import NotYoursError
from tracker.people.policy import Action

_PROBLEMS = {400: shapes.Problem, 401: shapes.Problem, 403: shapes.Problem, 404: shapes.Problem}


class Sessions(Door):
    """Where I am signed in, latest used first."""

    actions = {"GET": Action.SEE_SELF}
    needs_device = False

    @extend_schema(operation_id="sessions_list", responses={200: shapes.SessionList, **_PROBLEMS})
    def get(self, request: Request) -> Response:
        only(request)
        here = sessions.hashed(session_of(request).key)
        own = sessions.of_person(viewer_of(request).user_id, timezone.now())
        listed = [
            {
                "id": each.reference,
                "client": sessions.client_of(each),
                "device": each.device_id,
                "began_at": each.began_at,
                "seen_at": each.seen_at,
                "ends_at": each.expire_date,
                "this_one": each.pk == here,
            }
            for each in own
        ]
        return Response({"sessions": listed})


class OneSession(Door):
    """End one of my sign-ins; its next request is refused."""

    actions = {"DELETE": Action.SEE_SELF}
    needs_device = False

    @extend_schema(operation_id="sessions_end", responses={204: None, **_PROBLEMS})
    def delete(self, request: Request, reference: UUID) -> Response:
        viewer = viewer_of(request)
        if not sessions.revoke(viewer.user_id, reference):
            raise NotYoursError
        audit.note(
            actor=viewer.actor,
            action="session.end",
            subject=f"session/{reference}",
            clinic_id=viewer.clinic_id,
            patient_id=viewer.patient_id,
            at=timezone.now(),
        )
        return Response(status=204)
