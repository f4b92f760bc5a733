"""What a patient decides about who sees what: consent by team and category. The only writers of these rows."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from tracker.audit import actions as audit
from tracker.people.access import NotYoursError, Viewer
from tracker.people.models import CareTeam, Consent, ConsentChange, ConsentText
from tracker.people.policy import Category


class OldTextError(Exception):
    """Consent is given to the words that stand now, not to a version that has been followed by another."""


def standing(patient_id: UUID) -> dict[UUID, frozenset[Category]]:
    """Return what each team may see of a patient."""
    return {held.team_id: held.categories() for held in Consent.objects.filter(patient_id=patient_id)}


def widens(viewer: Viewer, wanted: Mapping[UUID, Collection[Category]]) -> bool:
    """Return whether ``wanted`` (team to categories) would show any team more than it sees now."""
    held = standing(viewer.own_patient_id)
    return any(set(categories) - held.get(team, frozenset()) for team, categories in wanted.items())


def set_consent(
    *, viewer: Viewer, wanted: Mapping[UUID, Collection[Category]], text: int, at: datetime
) -> int:
    """
    Let each team of ``wanted`` see exactly these categories from its next look on; return how many changed.

    Teams that are not named keep what they have. ``text`` is the version of the words that the patient read.

    :raises OldTextError: if there are newer words, or none of this version.
    :raises NotYoursError: for a team that is not of the patient's clinic, and for anybody but a patient.
    """
    patient_id = viewer.own_patient_id
    if text != ConsentText.objects.order_by("-version").values_list("version", flat=True).first():
        raise OldTextError
    if CareTeam.objects.filter(clinic_id=viewer.clinic_id, pk__in=wanted).count() != len(wanted):
        raise NotYoursError
    # Two requests at once: the second waits here, and then sees what the first has left.
    held = {
        row.team_id: row.categories()
        for row in Consent.objects.select_for_update().filter(patient_id=patient_id, team_id__in=wanted)
    }
    changes = [
        ConsentChange(
            clinic_id=viewer.clinic_id, patient_id=patient_id, team_id=team, category=category,
            given=category in categories, text_id=text, by_id=viewer.user_id, at=at,
        )
        for team, categories in wanted.items()
        for category in sorted(held.get(team, frozenset()).symmetric_difference(categories))
    ]  # fmt: skip
    if changes:
        ConsentChange.objects.bulk_create(changes)
        _note_consent(viewer, changes, at)
    return len(changes)


def _note_consent(viewer: Viewer, changes: Collection[ConsentChange], at: datetime) -> None:
    audit.note(
        actor=viewer.actor,
        action="consent.change",
        subject=f"consent-text/{next(iter(changes)).text_id}",
        clinic_id=viewer.clinic_id,
        patient_id=viewer.own_patient_id,
        at=at,
        detail={
            "given": [f"{change.team_id}/{change.category}" for change in changes if change.given],
            "withdrawn": [f"{change.team_id}/{change.category}" for change in changes if not change.given],
        },
    )
