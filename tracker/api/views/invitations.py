"""Accepting an invitation from the phone, as a patient or a caregiver, with a new account or with the one there is."""

from datetime import datetime
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

from tracker.access import anonymous_events, caregivers, devices
from tracker.accounts import passwords, throttle
from tracker.accounts.throttle import Throttle
from tracker.api.authentication import signed_in_account
from tracker.api.exceptions import APIProblem, field_problem
from tracker.api.openapi import problems
from tracker.api.parsers import MAX_BODY_BYTES, gunzip, validate
from tracker.api.schemas import Email
from tracker.audit.models import Result
from tracker.clinics import invitation_codes, invitations
from tracker.lib import strict_json
from tracker.lib.strict_model import Day, StrictModel
from tracker.lib.strict_text import STORABLE
from tracker.outbox import sharing_notices


class InvitationIn(StrictModel):
    """
    An invitation's code as the clinic, or a patient, gave it, and the account to make.

    A patient sends the date of birth, a caregiver none. Whoever has an account signs in to it and leaves ``email`` and
    ``password`` out: then ``X-Session-Token`` says whose the new role is.
    """

    code: Annotated[str, Field(min_length=8, max_length=40), STORABLE]
    birth_date: Day | None = None
    email: Email | None = None
    password: Annotated[str, Field(min_length=1, max_length=1000), STORABLE] | None = None


def _code_of(request: HttpRequest) -> str:
    """Return the code that a request tries, as it is stored; nothing of a body that the view refuses."""
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    try:
        body = strict_json.decode_object(gunzip(request.body, encoding, MAX_BODY_BYTES))
    except (strict_json.BadJSON, APIProblem):
        return ""
    return invitation_codes.throttle_account(body.get("code"))


def _accept_with_new_account(body: InvitationIn, at: datetime) -> None:
    for name in ("email", "password"):
        if getattr(body, name) is None:
            raise field_problem("missing_field", name)
    assert body.email
    assert body.password
    try:
        validate_password(passwords.normal_form(body.password))
    except ValidationError:
        raise field_problem("too_weak", "password") from None
    if body.birth_date is None:
        caregivers.accept(
            code=body.code, email=body.email, password=body.password, at=at,
            on_accept=sharing_notices.notify_of_caregiver,
        )  # fmt: skip
    else:
        invitations.accept(
            code=body.code, birth_date=body.birth_date, email=body.email, password=body.password, at=at,
            for_patient=True,
        )  # fmt: skip


def _accept_with_account(request: Request, body: InvitationIn, at: datetime) -> None:
    user_id, session = signed_in_account(request, at)
    if body.birth_date is None:
        caregivers.accept_with_account(
            user_id=user_id, code=body.code, at=at, session=session,
            on_accept=sharing_notices.notify_of_caregiver,
        )  # fmt: skip
    else:
        invitations.accept_with_account(
            user_id=user_id, code=body.code, birth_date=body.birth_date, at=at, for_patient=True
        )


class AcceptInvitation(APIView):
    """
    Make an account from an invitation, or give the account that is signed in another role.

    Afterwards the phone signs in with it. A wrong, unknown, used or expired code, another date of birth and an address
    that cannot be used get one answer. An address that has an account already cannot be used: its owner signs in within
    the last five minutes and accepts without ``email`` and ``password``; a patient becomes a caregiver on a phone that
    is not new (403 `use_older_device`; on their first day any phone will do), or with a second factor shown.
    """

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    public = "somebody who has no account yet: the code and the day of birth decide"
    throttle = Throttle("invitation", _code_of)

    @extend_schema(
        operation_id="invitations_accept",
        summary="Accept an invitation",
        auth=[],
        request=InvitationIn,
        responses={
            201: None,
            **problems(
                "not_signed_in",
                "invitation_refused",
                "second_factor_required",
                "reauthentication_required",
                "use_older_device",
                "too_many_tries",
            ),
        },
    )
    def post(self, request: Request) -> Response:
        body = validate(InvitationIn, request.data)
        at = timezone.now()
        try:
            if body.email is None and body.password is None:
                _accept_with_account(request, body, at)
            else:
                _accept_with_new_account(body, at)
        except (invitations.InvitationRejected, devices.UseOlderDevice) as refusal:
            anonymous_events.record_or_count(
                actor="nobody",
                action="invitation.refuse",
                subject="accept-invitation",
                kind="accept-invitation",
                at=timezone.now(),
                result=Result.REFUSED,
            )
            is_rejected = isinstance(refusal, invitations.InvitationRejected)
            raise APIProblem("invitation_refused" if is_rejected else "use_older_device") from None
        # Whoever comes in takes no place of those who share the address.
        throttle.give_back("invitation", address=throttle.client_ip(request._request))
        return Response(status=201)
