"""Accepting an invitation from the phone: its code and the date of birth make an account."""

from typing import Annotated, Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tracker.access import anonymous_events
from tracker.accounts.throttle import Throttle
from tracker.api.exceptions import APIProblem, field_problem
from tracker.api.openapi import problems
from tracker.api.parsers import MAX_BODY_BYTES, gunzip, validate
from tracker.api.schemas import Email
from tracker.audit.models import Result
from tracker.clinics import invitations
from tracker.lib import strict_json
from tracker.lib.strict_model import Day, StrictModel
from tracker.lib.strict_text import STORABLE


class InvitationIn(StrictModel):
    """An invitation's code as the clinic gave it, the date of birth, and the account to make."""

    code: Annotated[str, Field(min_length=8, max_length=40), STORABLE]
    birth_date: Day
    email: Email
    password: Annotated[str, Field(min_length=1, max_length=1000), STORABLE]


def _code_of(request: HttpRequest) -> str:
    """Return the code that a request tries, as it is stored; nothing of a body that the view refuses."""
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    try:
        body = strict_json.decode_object(gunzip(request.body, encoding, MAX_BODY_BYTES))
    except (strict_json.BadJSON, APIProblem):
        return ""
    return invitations.tried_code(body.get("code"))


class AcceptInvitation(APIView):
    """
    Make a patient's account from the clinic's invitation. Afterwards the phone signs in with it.

    A wrong, unknown, used or expired code, another date of birth and an address that cannot be used get one answer.
    """

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    public = "somebody who has no account yet: the code and the day of birth decide"
    throttle = Throttle("invitation", _code_of)

    @extend_schema(
        operation_id="invitations_accept",
        auth=[],
        request=InvitationIn,
        responses={201: None, **problems("invitation_refused", "too_many_tries")},
    )
    def post(self, request: Request) -> Response:
        body = validate(InvitationIn, request.data)
        try:
            validate_password(body.password)
        except ValidationError:
            raise field_problem("too_weak", "password") from None
        try:
            invitations.accept(
                code=body.code,
                birth_date=body.birth_date,
                email=body.email,
                password=body.password,
                at=timezone.now(),
                for_patient=True,
            )
        except invitations.InvitationRejected:
            anonymous_events.record_or_count(
                actor="nobody",
                action="invitation.refuse",
                subject="accept-invitation",
                kind="accept-invitation",
                at=timezone.now(),
                result=Result.REFUSED,
            )
            raise APIProblem("invitation_refused") from None
        return Response(status=201)
