"""Who sees what of me: all of it in one call, changed in one call."""

from typing import Annotated, Any
from uuid import UUID

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access import caregivers, consent
from tracker.access.consent import ConsentOverview
from tracker.access.models import Caregiver
from tracker.access.policy import Action, Category
from tracker.accounts import reauthentication
from tracker.api.consent_schemas import CaregiverOut, Consents, InvitedCaregiver, Named
from tracker.api.exceptions import APIProblem, field_problem
from tracker.api.openapi import LOCATION, problems
from tracker.api.parsers import validate
from tracker.api.schemas import ConsentConflict, Email
from tracker.api.views.base import ClinicalAPIView, principal_of
from tracker.clinics.invitations import TooManyInvitations
from tracker.lib import codes
from tracker.lib.strict_model import Id, Instant, StrictModel
from tracker.lib.strict_text import Name
from tracker.outbox import sharing_notices


class TeamConsentIn(StrictModel):
    """What one team may see from now on; what is not named it may not."""

    team: Id
    categories: Annotated[list[Named], Field(max_length=len(Category))]


class ConsentsIn(StrictModel):
    """
    What these teams may see from now on. ``text_version`` is the version of the words that the person has read.

    Showing any team more needs the newest words, ``base_version`` (the ``version`` of the consents that the person saw,
    which must be the current one), a sign-in of the last five minutes, and a phone that is not new (403
    `use_older_device`; on a patient's first day any phone will do). Showing less needs none of these: ``text_version``
    is sent all the same, and may be an older one.
    """

    text_version: int
    base_version: int | None = None
    teams: Annotated[list[TeamConsentIn], Field(min_length=1, max_length=20)]


class CaregiverIn(StrictModel):
    """
    Somebody close who may read these categories, until ``ends_at`` if it is given, once they have accepted.

    With ``may_write`` they may write in them too: entries that another can make, which name them as the author.
    With ``email`` the code is mailed there too, in a link, whether or not the address has an account.
    """

    name: Name
    categories: Annotated[list[Named], Field(min_length=1, max_length=len(Category))]
    ends_at: Instant | None = None
    email: Email | None = None
    may_write: bool = False


class CaregiverChangeIn(StrictModel):
    """
    Whether a caregiver may write in what they read.

    To allow it needs ``base_version`` (the ``version`` of the caregiver that the person saw, which must be the current
    one), a sign-in of the last five minutes, and a phone that is not new. To withdraw it needs none of these.
    """

    may_write: bool
    base_version: int | None = None


class MyConsents(ClinicalAPIView):
    """See who sees what of me; change it. It counts from their next look."""

    actions = {"GET": Action.SEE_CONSENT, "PUT": Action.CHANGE_CONSENT}

    @extend_schema(operation_id="consents_read", summary="Read what I share", responses={200: Consents})
    def get(self, request: Request) -> Response:
        return Response(_overview_out(consent.overview(principal_of(request), timezone.now())))

    @extend_schema(
        operation_id="consents_change",
        summary="Change what I share",
        request=ConsentsIn,
        responses={
            200: Consents,
            **problems("consents_changed", "consent_text_outdated", body=ConsentConflict),
            **problems("reauthentication_required", "use_older_device"),
        },
    )
    def put(self, request: Request) -> Response:
        body = validate(ConsentsIn, request.data)
        principal, at = principal_of(request), timezone.now()
        categories = {team.team: frozenset(team.categories) for team in body.teams}
        try:
            sharing_notices.set_consent_and_notify(
                principal=principal,
                wanted=categories,
                text_version=body.text_version,
                base_version=body.base_version,
                at=at,
            )
        except consent.ConsentsChanged:
            server = _overview_out(consent.overview(principal, at))
            raise APIProblem("consents_changed", server=server) from None
        except consent.OutdatedConsentText:
            raise APIProblem("consent_text_outdated") from None
        return Response(_overview_out(consent.overview(principal, at)))


class Caregivers(ClinicalAPIView):
    """
    Invite somebody close to read a part of my record. It needs a sign-in of the last five minutes, on a phone that is
    not new: on a patient's first day any phone will do.

    The ``code`` of the answer is shown this once: hand it over, or name an ``email`` to have it mailed. It works once
    and until ``accept_by``, and nobody sees anything before it was accepted (POST /api/v1/invitations/accept, or the
    page that the mail's link leads to).
    """

    actions = {"POST": Action.CHANGE_CONSENT}

    @extend_schema(
        operation_id="caregivers_invite",
        summary="Invite a caregiver",
        parameters=[LOCATION],
        request=CaregiverIn,
        responses={
            201: InvitedCaregiver,
            **problems("too_many_invitations", "reauthentication_required", "use_older_device"),
        },
    )
    def post(self, request: Request) -> Response:
        body = validate(CaregiverIn, request.data)
        principal, at = principal_of(request), timezone.now()
        reauthentication.require_recent(principal.authenticated_at, at)
        if body.ends_at is not None and body.ends_at <= at:
            raise field_problem("in_the_past", "ends_at")
        try:
            caregiver, code = sharing_notices.invite_caregiver_and_notify(
                principal=principal,
                name=body.name,
                categories=frozenset(body.categories),
                ends_at=body.ends_at,
                address=body.email,
                may_write=body.may_write,
                at=at,
            )
        except TooManyInvitations:
            raise APIProblem("too_many_invitations") from None
        shown = _caregiver_out(caregiver) | {"code": code}
        return Response(shown, 201, headers={"Location": reverse("caregiver", args=[caregiver.pk])})


class OneCaregiver(ClinicalAPIView):
    """Let a caregiver write, or no longer; end what they see. It counts from their next request."""

    actions = {"PATCH": Action.CHANGE_CONSENT, "DELETE": Action.CHANGE_CONSENT}

    @extend_schema(
        operation_id="caregivers_change",
        summary="Let a caregiver write",
        request=CaregiverChangeIn,
        responses={
            200: CaregiverOut,
            **problems("consents_changed", body=ConsentConflict),
            **problems("reauthentication_required", "use_older_device"),
        },
    )
    def patch(self, request: Request, caregiver_id: UUID) -> Response:
        body, principal, at = validate(CaregiverChangeIn, request.data), principal_of(request), timezone.now()
        try:
            row = sharing_notices.set_writing_and_notify(
                principal=principal,
                caregiver_id=caregiver_id,
                may_write=body.may_write,
                base_version=body.base_version,
                at=at,
            )
        except caregivers.CaregiverChanged:
            server = _overview_out(consent.overview(principal, at))
            raise APIProblem("consents_changed", server=server) from None
        return Response(_caregiver_out(row))

    @extend_schema(operation_id="caregivers_end", summary="End what a caregiver sees", responses={204: None})
    def delete(self, request: Request, caregiver_id: UUID) -> Response:
        caregivers.revoke(principal=principal_of(request), caregiver_id=caregiver_id, at=timezone.now())
        return Response(status=204)


def _overview_out(overview: ConsentOverview) -> dict[str, Any]:
    return {
        "version": overview.version,
        "text_version": overview.text_version,
        "text": overview.text,
        "teams": [
            {
                "team": team.id,
                "name": team.name,
                "care_team": team.is_care_team,
                "people": [{"name": name, "role": role} for name, role in team.people],
                "categories": codes.all_to_wire(sorted(team.categories)),
            }
            for team in overview.teams
        ],
        "caregivers": [_caregiver_out(row) for row in overview.caregivers],
        "break_glass": [
            {"by": access.by, "begun_at": access.begun_at, "ends_at": access.ends_at, "reason": access.reason}
            for access in overview.broken
        ],
        "history": [
            {
                "team": row.team_id,
                "category": codes.to_wire(row.category),
                "given": row.given,
                "text_version": row.text_id,
                "at": row.at,
            }
            for row in overview.changes
        ],
    }


def _caregiver_out(row: Caregiver) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "categories": codes.all_to_wire(sorted(row.categories)),
        "may_write": row.writes_since is not None,
        "version": row.version,
        "accepted": row.user_id is not None,
        "accept_by": row.accept_by,
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
    }
