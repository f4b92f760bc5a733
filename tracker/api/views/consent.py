"""Who sees what of me: all of it in one call, changed in one call."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access import caregivers, consent
from tracker.access.consent import ConsentOverview
from tracker.access.models import Caregiver
from tracker.access.policy import Action, Category
from tracker.accounts import reauthentication
from tracker.api import schemas
from tracker.api.exceptions import APIProblem
from tracker.api.parsers import validate
from tracker.api.views.base import ClinicalAPIView, only, principal_of
from tracker.lib import codes
from tracker.lib.strict_model import Id, Instant, StrictModel

Named = Annotated[Category, codes.LowerCase()]
_PROBLEMS = {400: schemas.Problem, 401: schemas.Problem, 403: schemas.Problem, 404: schemas.Problem}


class TeamConsentIn(StrictModel):
    """What one team may see from now on; what is not named it may not."""

    team: Id
    categories: Annotated[list[Named], Field(max_length=len(Category))]


class ConsentsIn(StrictModel):
    """
    What these teams may see from now on. ``text_version`` is the version of the words that the person has read.

    Showing more needs a sign-in of the last five minutes; showing less never does.
    """

    text_version: int
    teams: Annotated[list[TeamConsentIn], Field(min_length=1, max_length=20)]


class CaregiverIn(StrictModel):
    """Somebody close who may read these categories, until ``ends_at`` if it is given."""

    name: Annotated[str, Field(min_length=1, max_length=120)]
    email: Annotated[str, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
    categories: Annotated[list[Named], Field(min_length=1, max_length=len(Category))]
    ends_at: Instant | None = None


class TeamPerson(BaseModel):
    name: str
    role: str


class TeamConsent(BaseModel):
    """A team, who is on it now, and what it sees."""

    team: UUID
    name: str
    care_team: bool
    people: list[TeamPerson]
    categories: list[Named]


class CaregiverOut(BaseModel):
    id: UUID
    name: str
    categories: list[Named]
    starts_at: datetime
    ends_at: datetime | None


class PatientBreakGlassOut(BaseModel):
    """A clinician outside the team opened the record in an emergency."""

    by: str
    begun_at: datetime
    ends_at: datetime
    reason: str


class ConsentChangeOut(BaseModel):
    team: UUID
    category: Named
    given: bool
    text_version: int
    at: datetime


class Consents(BaseModel):
    """Who sees what of me now, how it came to be, and the words in which I was asked."""

    text_version: int
    text: dict[str, Any]
    teams: list[TeamConsent]
    caregivers: list[CaregiverOut]
    break_glass: list[PatientBreakGlassOut]
    history: list[ConsentChangeOut]


class MyConsents(ClinicalAPIView):
    """See who sees what of me; change it. It counts from their next look."""

    actions = {"GET": Action.SEE_CONSENT, "PUT": Action.CHANGE_CONSENT}

    @extend_schema(operation_id="consents_read", responses={200: Consents, **_PROBLEMS})
    def get(self, request: Request) -> Response:
        only(request)
        return Response(_shown(consent.overview(principal_of(request), timezone.now())))

    @extend_schema(
        operation_id="consents_change",
        request=ConsentsIn,
        responses={200: Consents, 409: schemas.Problem, **_PROBLEMS},
    )
    def put(self, request: Request) -> Response:
        given = validate(ConsentsIn, request.data)
        principal, at = principal_of(request), timezone.now()
        wanted = {each.team: frozenset(each.categories) for each in given.teams}
        if consent.expands(principal, wanted):
            reauthentication.require_recent(principal.authenticated_at, at)
        try:
            consent.set_consent(principal=principal, wanted=wanted, text_version=given.text_version, at=at)
        except consent.OutdatedConsentText:
            raise APIProblem(
                409, "consent_text_outdated", "There are newer words: read them first."
            ) from None
        return Response(_shown(consent.overview(principal, at)))


class Caregivers(ClinicalAPIView):
    """Show somebody close a part of my record. It needs a sign-in of the last five minutes."""

    actions = {"POST": Action.CHANGE_CONSENT}

    @extend_schema(
        operation_id="caregivers_give", request=CaregiverIn, responses={201: CaregiverOut, **_PROBLEMS}
    )
    def post(self, request: Request) -> Response:
        given = validate(CaregiverIn, request.data)
        principal, at = principal_of(request), timezone.now()
        reauthentication.require_recent(principal.authenticated_at, at)
        if given.ends_at is not None and given.ends_at <= at:
            errors = [{"pointer": "/ends_at", "code": "in_the_past"}]
            raise APIProblem(400, "in_the_past", "It cannot end before it begins.", errors)
        made = caregivers.grant(
            principal=principal,
            email=given.email,
            name=given.name,
            categories=frozenset(given.categories),
            ends_at=given.ends_at,
            at=at,
        )
        return Response(_caregiver(made), 201)


class OneCaregiver(ClinicalAPIView):
    """End what a caregiver sees."""

    actions = {"DELETE": Action.CHANGE_CONSENT}

    @extend_schema(operation_id="caregivers_end", responses={204: None, **_PROBLEMS})
    def delete(self, request: Request, caregiver_id: UUID) -> Response:
        only(request)
        caregivers.revoke(principal=principal_of(request), caregiver_id=caregiver_id, at=timezone.now())
        return Response(status=204)


def _shown(found: ConsentOverview) -> dict[str, Any]:
    return {
        "text_version": found.version,
        "text": found.text,
        "teams": [
            {
                "team": team.id,
                "name": team.name,
                "care_team": team.is_care_team,
                "people": [{"name": name, "role": role} for name, role in team.people],
                "categories": codes.all_to_wire(sorted(team.categories)),
            }
            for team in found.teams
        ],
        "caregivers": [_caregiver(row) for row in found.caregivers],
        "break_glass": [
            {"by": one.by, "begun_at": one.begun_at, "ends_at": one.ends_at, "reason": one.reason}
            for one in found.broken
        ],
        "history": [
            {
                "team": row.team_id,
                "category": codes.to_wire(row.category),
                "given": row.given,
                "text_version": row.text_id,
                "at": row.at,
            }
            for row in found.changes
        ],
    }


def _caregiver(row: Caregiver) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "categories": codes.all_to_wire(sorted(row.categories)),
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
    }
