"""The caller."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access import policy, profile
from tracker.access.models import Caregiver
from tracker.access.policy import Action
from tracker.access.principal import Principal
from tracker.accounts.fields import UnreadableAddress
from tracker.api import conditional, guidance
from tracker.api.consent_schemas import Named
from tracker.api.exceptions import APIProblem
from tracker.api.openapi import problems
from tracker.api.parsers import validate
from tracker.api.profile_schemas import ProfileIn, ProfileOut, ProfileVersions, profile_out, version_out
from tracker.api.schemas import Guidance, UserRole
from tracker.api.views.base import ClinicalAPIView, principal_of
from tracker.api.views.check_ins import CheckInOut, upcoming
from tracker.clinics.models import Clinic, Patient
from tracker.lib import codes
from tracker.outbox import profile_notices
from tracker.outbox.models import Message
from tracker.records.kinds import KINDS

_MATCH_HEADER = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description='the `version` of the profile that was seen, as `"3"`; without it, or with `*`, whichever there is',
)


class ClinicOut(BaseModel):
    name: str
    time_zone: str


class ReadableRecord(BaseModel):
    """
    Whose record a caregiver reads, and what of it, until ``ends_at`` (null: until the patient ends it).

    ``writable_kinds`` are the kinds of record that they may write too; empty where the patient does not let them.
    """

    patient: UUID
    name: str
    categories: list[Named]
    writable_kinds: list[str]
    ends_at: datetime | None


class MeOut(BaseModel):
    """
    Who is signed in, and what a phone shows first. ``crisis`` is for offline use too.

    ``caregiver_of`` is whose record a caregiver may read; null for everybody else. Who is a caregiver of several acts
    as one of them at a time (``/me/roles``). ``profile`` is a patient's; null for everybody else.
    """

    id: UUID
    role: UserRole
    name: str
    patient: UUID | None
    caregiver_of: ReadableRecord | None
    profile: ProfileOut | None
    time_zone: str
    clinic: ClinicOut
    crisis: Guidance
    unread_messages: int
    check_ins: list[CheckInOut]


class Me(ClinicalAPIView):
    """
    Who is signed in, their clinic, what is due next, and the crisis resources for offline use; change one's profile.

    A change of the time zone counts from now on: reminders follow it, what was recorded keeps its day.
    """

    actions = {"GET": Action.SEE_SELF, "PATCH": Action.CHANGE_PROFILE}

    @extend_schema(operation_id="me", summary="Who I am", responses={200: MeOut})
    def get(self, request: Request) -> Response:
        return Response(_me(principal_of(request)))

    @extend_schema(
        operation_id="me_change",
        summary="Change my profile",
        parameters=[_MATCH_HEADER],
        request=ProfileIn,
        responses={200: MeOut, **problems("profile_changed", "use_older_device")},
    )
    def patch(self, request: Request) -> Response:
        changes = validate(ProfileIn, request.data).changes()
        principal, at = principal_of(request), timezone.now()
        versions = conditional.revisions_of_if_match(request)
        try:
            profile_notices.change_and_notify(
                principal=principal, base_versions=versions, changes=changes, at=at
            )
        except profile.ProfileChanged:
            raise APIProblem("profile_changed") from None
        named = replace(principal, name=changes.get("name", principal.name))
        body = _me(replace(named, time_zone=changes.get("time_zone", principal.time_zone)))
        return Response(body, headers={"ETag": f'"{body["profile"]["version"]}"'})


class OwnProfileVersions(ClinicalAPIView):
    """What my profile said, and since when: the newest 200 versions. A value that another phone replaced is here."""

    actions = {"GET": Action.CHANGE_PROFILE}

    @extend_schema(
        operation_id="me_versions",
        summary="List the versions of my profile",
        responses={200: ProfileVersions},
    )
    def get(self, request: Request) -> Response:
        patient = Patient.objects.get(pk=principal_of(request).own_patient_id)
        return Response({"versions": [version_out(each) for each in profile.versions(patient)]})


def _me(principal: Principal) -> dict[str, Any]:
    clinic = Clinic.objects.get(pk=principal.clinic_id)
    unread = Message.objects.inbox_of(principal.user_id).filter(read_at__isnull=True).count()
    return {
        "id": principal.user_id,
        "role": codes.to_wire(principal.role),
        "name": principal.name,
        "patient": principal.patient_id,
        "caregiver_of": _readable_record(principal) if principal.is_caregiver else None,
        "profile": _profile(principal) if principal.is_patient else None,
        "time_zone": principal.time_zone,
        "clinic": {"name": clinic.name, "time_zone": clinic.time_zone},
        "crisis": {"crisis_text": clinic.crisis_text, "disclaimer": guidance.disclaimer(principal)},
        "unread_messages": unread,
        "check_ins": upcoming(principal, timezone.now()) if principal.is_patient else [],
    }


def _profile(principal: Principal) -> dict[str, Any]:
    patient = Patient.objects.select_related("user").get(pk=principal.own_patient_id)
    email = patient.user.email if patient.user else None
    return profile_out(profile.versions(patient), None if isinstance(email, UnreadableAddress) else email)


def _readable_record(principal: Principal) -> dict[str, Any]:
    (patient_id,) = principal.patients
    name = Patient.objects.values_list("name", flat=True).get(pk=patient_id)
    # The one that lets them in stands although it may have ended since this request began.
    own = Caregiver.objects.filter(user_id=principal.user_id, patient_id=patient_id).latest("starts_at")
    return {
        "patient": patient_id,
        "name": name,
        "categories": codes.all_to_wire(sorted(principal.visible_categories(patient_id))),
        "writable_kinds": _writable_kinds(principal, patient_id),
        "ends_at": own.ends_at,
    }


def _writable_kinds(principal: Principal, patient_id: UUID) -> list[str]:
    relation = principal.relation_to(patient_id)
    assert relation
    shared = principal.visible_categories(patient_id)
    return sorted(
        kind.name
        for kind in KINDS.values()
        if kind.caregivers_write
        and kind.category in shared
        and policy.may(principal.role, relation, Action.WRITE_RECORDS, kind.category)
    )
