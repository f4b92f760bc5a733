"""What I am: patient, staff, caregiver; and as which of these this sign-in acts."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access import roles
from tracker.access.policy import Action
from tracker.api.openapi import problems
from tracker.api.schemas import UserRole
from tracker.api.views.base import ClinicalAPIView, principal_of, session_of
from tracker.lib import codes


class RoleOut(BaseModel):
    """One role; ``name`` is the caller's own in it."""

    id: UUID
    role: UserRole
    name: str
    clinic: str
    this_one: bool


class RoleList(BaseModel):
    roles: list[RoleOut]


class Roles(ClinicalAPIView):
    """What I am. A new sign-in acts as the first of the list."""

    actions = {"GET": Action.SEE_SELF}
    methods_before_pairing = frozenset({"GET"})

    @extend_schema(operation_id="roles_list", summary="List my roles", responses={200: RoleList})
    def get(self, request: Request) -> Response:
        own = roles.roles_of(principal_of(request).user_id, timezone.now())
        current = session_of(request).acts_as or own[0].id
        return Response({"roles": [_role_out(each, current) for each in own]})


class OneRole(ClinicalAPIView):
    """
    Let this sign-in act as another of my roles, from the next request on. A phone that is paired stays a patient's.

    As staff it needs the second factor.
    """

    actions = {"PUT": Action.SEE_SELF}
    methods_before_pairing = frozenset({"PUT"})

    @extend_schema(
        operation_id="roles_choose",
        summary="Act in another role of mine",
        request=None,
        responses={204: None, **problems("not_found")},
    )
    def put(self, request: Request, role_id: UUID) -> Response:
        roles.choose(
            principal=principal_of(request),
            session=session_of(request),
            role_id=role_id,
            at=timezone.now(),
        )
        return Response(status=204)


def _role_out(own: roles.OwnRole, current: UUID) -> dict[str, Any]:
    return {
        "id": own.id,
        "role": codes.to_wire(own.role),
        "name": own.name,
        "clinic": own.clinic,
        "this_one": own.id == current,
    }
