"""Where I am signed in; and ending one of those sign-ins."""

from datetime import datetime
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access.policy import Action
from tracker.accounts import sessions
from tracker.api.views.base import ClinicalAPIView, principal_of, session_of
from tracker.outbox import own_sessions


class SessionOut(BaseModel):
    """One sign-in of the caller's. ``client`` is what the program called itself."""

    id: UUID
    client: str
    device: UUID | None
    began_at: datetime
    seen_at: datetime
    ends_at: datetime
    this_one: bool


class SessionList(BaseModel):
    sessions: list[SessionOut]


class Sessions(ClinicalAPIView):
    """Where I am signed in, latest used first."""

    actions = {"GET": Action.SEE_SELF}

    @extend_schema(operation_id="sessions_list", summary="List my sign-ins", responses={200: SessionList})
    def get(self, request: Request) -> Response:
        here = sessions.key_hash(session_of(request).key)
        own = sessions.list_for_user(principal_of(request).user_id, timezone.now())
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


class OneSession(ClinicalAPIView):
    """End one of my sign-ins; its next request is refused."""

    actions = {"DELETE": Action.SEE_SELF}

    @extend_schema(operation_id="sessions_end", summary="End a sign-in of mine", responses={204: None})
    def delete(self, request: Request, reference: UUID) -> Response:
        own_sessions.end_and_notify(
            principal=principal_of(request),
            reference=reference,
            session_key=session_of(request).key,
            at=timezone.now(),
        )
        return Response(status=204)
