"""Open alerts of the caller's patients, and acknowledging them."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access.policy import Action
from tracker.alerts import actions, rules
from tracker.alerts.models import Alert
from tracker.api import schemas
from tracker.api.views.base import ClinicalAPIView, only, principal_of
from tracker.clinics.models import StaffMember
from tracker.lib import codes

_PROBLEMS = {401: schemas.Problem, 403: schemas.Problem, 404: schemas.Problem}


def _shown(row: Alert, by_name: str | None) -> dict[str, Any]:
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

    @extend_schema(operation_id="alerts_list", responses={200: schemas.AlertList, **_PROBLEMS})
    def get(self, request: Request) -> Response:
        only(request)
        rows = Alert.objects.open().filter(patient_id__in=principal_of(request).patients)
        return Response({"alerts": [_shown(row, None) for row in rows.order_by("raised_at", "id")]})


class Acknowledge(ClinicalAPIView):
    """Take an alert. The first one wins; the second is told who was first."""

    actions = {"POST": Action.ACKNOWLEDGE_ALERT}

    @extend_schema(
        operation_id="alerts_acknowledge", request=None, responses={200: schemas.AlertOut, **_PROBLEMS}
    )
    def post(self, request: Request, alert_id: UUID) -> Response:
        # The reply names who was first, to the first as to the second.
        with suppress(actions.AlreadyAcknowledgedError):
            actions.acknowledge(alert_id=alert_id, principal=principal_of(request), at=timezone.now())
        row = Alert.objects.get(pk=alert_id)
        first = StaffMember.objects.filter(user=row.acknowledged_by).first()
        return Response(_shown(row, first.name if first else None))
