"""Opening a chart: the only way of staff and caregivers to a patient."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from tracker.access import policy
from tracker.access.policy import Action, Category
from tracker.access.principal import Principal
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Patient


def open_chart(
    principal: Principal,
    patient_id: UUID,
    *,
    purpose: str,
    at: datetime,
    action: Action = Action.OPEN_CHART,
    categories: Collection[Category] = (),
) -> Patient:
    """
    Return the patient if the principal may do ``action`` with them, and leave an audit event.

    ``purpose`` names the page or route.

    ``categories`` are what the chart is opened for: at least one of them must be shared. Without any it is opened
    for what does not depend on consent: who the patient is, and their alerts.

    :raises NotFoundOrHidden: if there is no such patient for this principal, or none of it is shared.
    """
    relation = principal.relation_to(patient_id)
    if relation is None or not policy.may(principal.role, relation, action):
        raise NotFoundOrHidden
    shared = principal.visible_categories(patient_id).intersection(categories)
    seen = sorted(each for each in shared if policy.may(principal.role, relation, action, each))
    if categories and not seen:
        raise NotFoundOrHidden
    patient = Patient.objects.filter(pk=patient_id).select_related("care_team").first()
    if patient is None:
        raise NotFoundOrHidden
    emergency = {"break_glass": True} if principal.has_break_glass(patient_id) else {}
    principal.audit(
        "chart.open", purpose, patient_id=patient_id, at=at, detail={"categories": seen} | emergency
    )
    return patient
