"""Who am I, my inbox."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.lib import codes
from tracker.access.policy import Action
from tracker.api import shapes
from tracker.api.checkins import upcoming
from tracker.api.doors import Door, limit_of, only, viewer_of
from tracker.api.sync import NOT_WATCHED
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Clinic
from tracker.outbox import actions as outbox
from tracker.outbox.models import Message
from tracker.outbox.words import TEXTS

_PROBLEMS = {400: shapes.Problem, 401: shapes.Problem, 403: shapes.Problem, 404: shapes.Problem}


class Me(Door):
    """Who is signed in, their clinic, what is due next, and the crisis resources for offline use."""

    actions = {"GET": Action.SEE_SELF}
    needs_device = False

    @extend_schema(operation_id="me", responses={200: shapes.Me, 401: shapes.Problem})
    def get(self, request: Request) -> Response:
        only(request)
        principal = viewer_of(request)
        clinic = Clinic.objects.get(pk=principal.clinic_id)
        unread = Message.objects.inbox_of(principal.user_id).filter(read_at__isnull=True).count()
        return Response(
            {
                "id": principal.user_id,
                "role": codes.to_wire(principal.role),
                "name": principal.name,
                "patient": principal.patient_id,
                "time_zone": principal.time_zone,
                "clinic": {"name": clinic.name, "time_zone": clinic.time_zone},
                "crisis": {"crisis_text": clinic.crisis_text, "disclaimer": NOT_WATCHED},
                "unread_messages": unread,
                "check_ins": upcoming(principal, timezone.now()) if principal.is_patient else [],
            }
        )


def _message_out(row: Message) -> dict[str, Any]:
    return {
        "id": row.pk,
        "text": TEXTS[row.words].inbox,
        "about": row.subject,
        "sent_at": row.sent_at,
        "read": row.read_at is not None,
    }


class Messages(Door):
    """My inbox, newest first."""

    actions = {"GET": Action.READ_MESSAGES}

    @extend_schema(operation_id="messages_list", responses={200: shapes.MessageList, **_PROBLEMS})
    def get(self, request: Request) -> Response:
        only(request, "limit")
        rows = Message.objects.inbox_of(viewer_of(request).user_id).order_by("-sent_at", "id")
        return Response({"messages": [_message_out(row) for row in rows[: limit_of(request)]]})


class OneMessage(Door):
    """Mark a message as read."""

    actions = {"POST": Action.READ_MESSAGES}

    @extend_schema(operation_id="messages_read", request=None, responses={204: None, **_PROBLEMS})
    def post(self, request: Request, message_id: UUID) -> Response:
        principal = viewer_of(request)
        if not outbox.mark_read(recipient_id=principal.user_id, message_id=message_id, at=timezone.now()):
            raise NotFoundOrHidden
        return Response(status=204)
