"""
Guidance: the crisis text that comes with an answer that alerts, and with every refused write of a patient or caregiver.
"""

from tracker.access.principal import Principal
from tracker.clinics.models import Clinic

# An alert reaches the team whatever the patient shares.
NOT_WATCHED = (
    "Your care team is told of an answer like this once it has arrived, whatever you share, but nobody watches this "
    "app around the clock and it is not an emergency service."
)
NOT_WATCHED_FOR_CAREGIVERS = (
    "The care team is told of an answer like this once it has arrived, and that you gave it, but nobody watches this "
    "app around the clock and it is not an emergency service."
)
# Where nobody knows whose clinic it is.
ANYWHERE = {
    "crisis_text": "If you might harm yourself or are in danger, call your local emergency number now.",
    "disclaimer": "Nobody watches this app around the clock and it is not an emergency service.",
}


def of_clinic(principal: Principal) -> dict[str, str]:
    """Return what to show when an answer raised an alert, in the clinic's words."""
    crisis = Clinic.objects.values_list("crisis_text", flat=True).get(pk=principal.clinic_id)
    return {"crisis_text": crisis, "disclaimer": disclaimer(principal)}


def disclaimer(principal: Principal) -> str:
    """Return who is told of a grave answer: of a patient's, and of a caregiver's about the patient."""
    if principal.is_caregiver:
        return NOT_WATCHED_FOR_CAREGIVERS
    return NOT_WATCHED if principal.is_patient else ANYWHERE["disclaimer"]


def of_refusal(principal: Principal, *, alerted: bool) -> dict[str, str]:
    """Return what a refused write carries. It promises no reader of an answer that nobody got."""
    return of_clinic(principal) | ({} if alerted else {"disclaimer": ANYWHERE["disclaimer"]})
