"""My inbox."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access.policy import Action
from tracker.api.queries import Limit, parse_query
from tracker.api.views.base import ClinicalAPIView, principal_of
from tracker.clinics.errors import NotFoundOrHidden
from tracker.lib.strict_model import StrictModel
from tracker.outbox import actions as outbox
from tracker.outbox.message_texts import TEXTS
from tracker.outbox.models import Message


class MessageOut(BaseModel):
    id: UUID
    text: str
    about: str
    sent_at: datetime
    read: bool


class MessageList(BaseModel):
    messages: list[MessageOut]


class MessagesQuery(StrictModel):
    """How many messages."""

    limit: Limit = 50


def _message_out(row: Message) -> dict[str, Any]:
    return {
        "id": row.pk,
        "text": TEXTS[row.words].inbox,
        "about": row.subject,
        "sent_at": row.sent_at,
        "read": row.read_at is not None,
    }


class Messages(ClinicalAPIView):
    """My inbox, newest first."""

    actions = {"GET": Action.READ_MESSAGES}
    queries = {"GET": MessagesQuery}

    @extend_schema(operation_id="messages_list", summary="List my messages", responses={200: MessageList})
    def get(self, request: Request) -> Response:
        query = parse_query(request, MessagesQuery)
        rows = Message.objects.inbox_of(principal_of(request).user_id).order_by("-sent_at", "id")
        return Response({"messages": [_message_out(row) for row in rows[: query.limit]]})


class OneMessage(ClinicalAPIView):
    """Mark a message as read."""

    actions = {"POST": Action.READ_MESSAGES}

    @extend_schema(
        operation_id="messages_read", summary="Mark a message as read", request=None, responses={204: None}
    )
    def post(self, request: Request, message_id: UUID) -> Response:
        principal = principal_of(request)
        if not outbox.mark_read(recipient_id=principal.user_id, message_id=message_id, at=timezone.now()):
            raise NotFoundOrHidden
        return Response(status=204)
