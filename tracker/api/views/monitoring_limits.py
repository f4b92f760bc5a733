"""The clinic's limits of monitoring around a dose: read by those who treat, set by a clinician."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access.policy import Action
from tracker.api.exceptions import APIProblem, field_problem
from tracker.api.parsers import validate
from tracker.api.views.base import ClinicalAPIView, principal_of
from tracker.lib import codes
from tracker.lib.codes import LowerCase
from tracker.lib.strict_model import StrictModel
from tracker.lib.strict_text import Text
from tracker.lib.validation_errors import field_error
from tracker.treatment import limit_settings
from tracker.treatment.limits import BOUNDS, OutOfBounds
from tracker.treatment.limits import Limits as MonitoringLimits
from tracker.treatment.products import Route


class MonitoringLimitsOut(BaseModel):
    """
    The clinic's limits of monitoring: mmHg, per minute, percent, minutes, hours, days.

    ``set_by`` is null where they are the project's defaults.
    """

    limits: dict[str, int]
    observation_minutes: dict[str, int]
    set_by: str | None
    set_at: datetime | None


class MonitoringLimitsIn(StrictModel):
    """The limits to be set, all of them; ``observation_minutes`` by route, which keep the default where not named."""

    limits: dict[Text, int]
    observation_minutes: dict[Annotated[Route, LowerCase()], int] = Field(default_factory=dict)


class Limits(ClinicalAPIView):
    """The clinic's limits of monitoring around a dose; a clinician sets them, and former ones are kept."""

    actions = {"GET": Action.SEE_MONITORING_LIMITS, "PUT": Action.SET_MONITORING_LIMITS}

    @extend_schema(
        operation_id="monitoring_limits_get",
        summary="Read the limits of monitoring",
        responses={200: MonitoringLimitsOut},
    )
    def get(self, request: Request) -> Response:
        return Response(_limits_out(principal_of(request).clinic_id))

    @extend_schema(
        operation_id="monitoring_limits_set",
        summary="Set the limits of monitoring",
        request=MonitoringLimitsIn,
        responses={200: MonitoringLimitsOut},
    )
    def put(self, request: Request) -> Response:
        body, principal = validate(MonitoringLimitsIn, request.data), principal_of(request)
        errors = [
            field_error(["limits", name], "unknown_field") for name in body.limits.keys() - BOUNDS.keys()
        ]
        errors += [
            field_error(["limits", name], "missing_field") for name in BOUNDS.keys() - body.limits.keys()
        ]
        if errors:
            raise APIProblem("invalid", [each.as_dict() for each in errors])
        wanted = MonitoringLimits(**body.limits, observation_minutes=body.observation_minutes)
        try:
            limit_settings.change(principal=principal, wanted=wanted, at=timezone.now())
        except OutOfBounds as wrong:
            place = ("limits", wrong.name) if wrong.name in BOUNDS else ("observation_minutes",)
            raise field_problem("out_of_range", *place) from None
        return Response(_limits_out(principal.clinic_id))


def _limits_out(clinic_id: UUID) -> dict[str, Any]:
    row, limits = limit_settings.newest(clinic_id), limit_settings.of_clinic(clinic_id)
    return {
        "limits": {name: getattr(limits, name) for name in BOUNDS},
        "observation_minutes": {codes.to_wire(route): limits.observation(route) for route in Route},
        "set_by": None if row is None else limit_settings.name_of(row),
        "set_at": None if row is None else row.set_at,
    }
