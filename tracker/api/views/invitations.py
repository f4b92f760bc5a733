"""The phone's way in: an invitation's code, the date of birth, and an account is made."""

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tracker.accounts.throttle import Throttle
from tracker.api import schemas
from tracker.api.exceptions import APIProblem
from tracker.api.parsers import MAX_BODY_BYTES, gunzip, validate
from tracker.audit import actions as audit
from tracker.audit.models import Result
from tracker.clinics import invitations
from tracker.lib import strict_json


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
        request=schemas.InvitationIn,
        responses={201: None, 400: schemas.Problem, 403: schemas.Problem, 429: schemas.Problem},
    )
    def post(self, request: Request) -> Response:
        given = validate(schemas.InvitationIn, request.data)
        try:
            validate_password(given.password)
        except ValidationError:
            errors = [
                {"pointer": "/password", "code": "too_weak", "detail": "At least 12 signs, not a common one."}
            ]
            raise APIProblem(400, "invalid", "Some fields cannot be taken.", errors) from None
        try:
            invitations.accept(
                code=given.code,
                birth_date=given.birth_date,
                email=given.email,
                password=given.password,
                at=timezone.now(),
                for_patient=True,
            )
        except invitations.InvitationRejected:
            audit.record_event_in_own_transaction(
                actor="nobody",
                action="invitation.refuse",
                subject="accept-invitation",
                at=timezone.now(),
                result=Result.REFUSED,
            )
            raise APIProblem(
                403,
                "invitation_refused",
                "This does not fit an open invitation. Ask your clinic for another code.",
            ) from None
        return Response(status=201)
