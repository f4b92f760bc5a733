"""The messages that ask people to look at alerts."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tracker.alerts.models import Alert
from tracker.clinics import responders
from tracker.lib import rls
from tracker.outbox import actions as outbox


def notify(alerts: Sequence[Alert], recipients: Sequence[UUID], *, at: datetime, step: int = 0) -> None:
    """Ask ``recipients`` to look at ``alerts``, which are of one patient."""
    outbox.enqueue_many(
        clinic_id=alerts[0].clinic_id,
        recipients=recipients,
        words="alert",
        keys={f"alert/{alert.pk}": f"alert/{alert.pk}/{alert.raise_count}/{step}" for alert in alerts},
        due_at=at,
        patient_id=alerts[0].patient_id,
        urgent=True,
    )


def notify_responders_again(*, clinic_id: UUID, at: datetime) -> None:
    """
    Tell whoever answers now about the clinic's open alerts: somebody who did has been switched off.

    Who was told at this step is not told again.
    """
    with rls.as_clinic(clinic_id):
        for alert in Alert.objects.open().filter(clinic_id=clinic_id).order_by("raised_at", "id"):
            notify(
                [alert], responders.alert_responders(alert.patient_id, at), at=at, step=alert.escalation_step
            )
