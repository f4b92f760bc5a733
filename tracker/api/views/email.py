"""The address of one's account: changed with a code that was mailed to the new one."""

from datetime import datetime
from typing import Annotated

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access import email_change
from tracker.access.policy import Action
from tracker.accounts import second_factor
from tracker.accounts.models import User
from tracker.accounts.throttle import Throttle, session_user
from tracker.api.exceptions import APIProblem
from tracker.api.openapi import problems
from tracker.api.parsers import validate
from tracker.api.schemas import Email
from tracker.api.views.base import ClinicalAPIView, principal_of, session_of
from tracker.lib.strict_model import StrictModel
from tracker.lib.strict_text import STORABLE
from tracker.outbox import email_notices


class EmailIn(StrictModel):
    email: Email


class EmailCodeIn(StrictModel):
    """The code of the mail, however it is typed."""

    code: Annotated[str, Field(min_length=16, max_length=40), STORABLE]


class EmailChangeOut(BaseModel):
    """Until when the code of the mail works."""

    expires_at: datetime


def _require_second_factor(request: Request) -> None:
    """Refuse a session that has not shown the second factor that its account has."""
    user_id = principal_of(request).user_id
    if not session_of(request).has_second_factor and second_factor.count(User(pk=user_id)):
        raise APIProblem("second_factor_required")


class OwnEmail(ClinicalAPIView):
    """
    Begin a change of my e-mail address: a code is mailed to the new one. It needs a sign-in of the last five minutes.

    The answer is the same whether or not the address has an account.
    """

    actions = {"POST": Action.CHANGE_PROFILE}
    throttle = Throttle("email-change", session_user)

    @extend_schema(
        operation_id="me_email",
        summary="Change my e-mail address",
        request=EmailIn,
        responses={202: EmailChangeOut, **problems("use_older_device", "second_factor_required")},
    )
    def post(self, request: Request) -> Response:
        body = validate(EmailIn, request.data)
        _require_second_factor(request)
        expires_at = email_notices.begin_and_mail(
            principal=principal_of(request), address=body.email, at=timezone.now()
        )
        return Response({"expires_at": expires_at}, 202)


class OwnEmailConfirmation(ClinicalAPIView):
    """
    Confirm a change of my e-mail address with the code of the mail, within an hour.

    The former address is told, and takes the account back for 72 hours by a link that needs no sign-in.
    """

    actions = {"POST": Action.CHANGE_PROFILE}
    throttle = Throttle("email-code", session_user)

    @extend_schema(
        operation_id="me_email_confirm",
        summary="Confirm my new e-mail address",
        request=EmailCodeIn,
        responses={204: None, **problems("email_change_refused", "second_factor_required")},
    )
    def post(self, request: Request) -> Response:
        body = validate(EmailCodeIn, request.data)
        _require_second_factor(request)
        try:
            email_notices.confirm_and_notify(
                principal=principal_of(request), code=body.code, at=timezone.now()
            )
        except email_change.EmailChangeRefused:
            raise APIProblem("email_change_refused") from None
        return Response(status=204)
