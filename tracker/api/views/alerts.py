"""Open alerts of the caller's patients, and acknowledging them."""

from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access.policy import Action
from tracker.alerts import actions, rules
from tracker.alerts.models import Alert, Level
from tracker.api.views.base import ClinicalAPIView, principal_of
from tracker.clinics.models import StaffMember
from tracker.lib import codes


class AlertOut(BaseModel):
    id: UUID
    patient: UUID
    rule: str
    label: str
    level: Annotated[Level, codes.LowerCase()]
    historical: bool
    answered_at: datetime
    raised_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None


class AlertList(BaseModel):
    alerts: list[AlertOut]


def _alert_out(row: Alert, by_name: str | None) -> dict[str, Any]:
    return {
        "id": row.pk,
        "patient": row.patient_id,
        "rule": row.rule,
        "label": rules.label(row.rule),
        "level": codes.to_wire(row.level),
        "historical": row.is_historical,
        "answered_at": row.answered_at,
        "raised_at": row.raised_at,
        "acknowledged_at": row.acknowledged_at,
        "acknowledged_by": by_name,
    }


class Alerts(ClinicalAPIView):
    """Open alerts, oldest first."""

    actions = {"GET": Action.SEE_CASELOAD}

    @extend_schema(operation_id="alerts_list", responses={200: AlertList})
    def get(self, request: Request) -> Response:
        rows = Alert.objects.open().filter(patient_id__in=principal_of(request).patients)
        return Response({"alerts": [_alert_out(row, None) for row in rows.order_by("raised_at", "id")]})


class Acknowledge(ClinicalAPIView):
    """Take an alert. The first one wins; the second is told who was first."""

    actions = {"POST": Action.ACKNOWLEDGE_ALERT}

    @extend_schema(operation_id="alerts_acknowledge", request=None, responses={200: AlertOut})
    def post(self, request: Request, alert_id: UUID) -> Response:
        # The reply names who was first, to the first as to the second.
        with suppress(actions.AlreadyAcknowledgedError):
            actions.acknowledge(alert_id=alert_id, principal=principal_of(request), at=timezone.now())
        row = Alert.objects.get(pk=alert_id)
        first = StaffMember.objects.filter(user=row.acknowledged_by).first()
        return Response(_alert_out(row, first.name if first else None))
