"""The answers that an alert holds, each as it came: when it was given, when it reached us, whether it is held."""

from uuid import UUID

from django.db.models import Q, QuerySet

from tracker.access.principal import Principal
from tracker.alerts.models import Alert
from tracker.clinics.errors import NotFoundOrHidden


def joined_answers(alert_id: UUID, principal: Principal) -> tuple[Alert, QuerySet[Alert]]:
    """
    Return an alert and the rows of its answers, its own among them, the newest answer first.

    :raises NotFoundOrHidden: if there is no such alert for this principal.
    """
    alert = (
        Alert.objects.filter(pk=alert_id, leader=None, patient_id__in=principal.patients)
        .select_related("patient")
        .first()
    )
    if alert is None:
        raise NotFoundOrHidden
    rows = Alert.objects.filter(Q(pk=alert_id) | Q(leader=alert), patient_id=alert.patient_id)
    return alert, rows.order_by("-answered_at", "id")
