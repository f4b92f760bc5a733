"""Consent: what a patient lets each team see, changed and read. The only writer of these rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tracker.access import break_glass
from tracker.access.models import Caregiver, Consent, ConsentChange, ConsentText
from tracker.access.policy import Category
from tracker.access.principal import Principal
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import CareTeam, Patient, TeamMembership

MOST_CHANGES = 200


class OutdatedConsentText(Exception):
    """Consent is given to the words that stand now, not to a version that has been followed by another."""


def granted_categories(patient_id: UUID) -> dict[UUID, frozenset[Category]]:
    """Return what each team may see of a patient."""
    return {held.team_id: held.categories() for held in Consent.objects.filter(patient_id=patient_id)}


def expands(principal: Principal, wanted: Mapping[UUID, Collection[Category]]) -> bool:
    """Return whether ``wanted`` (team to categories) would show any team more than it sees now."""
    held = granted_categories(principal.own_patient_id)
    return any(set(categories) - held.get(team, frozenset()) for team, categories in wanted.items())


def set_consent(
    *, principal: Principal, wanted: Mapping[UUID, Collection[Category]], text_version: int, at: datetime
) -> int:
    """
    Let each team of ``wanted`` see exactly these categories from its next look on; return how many changed.

    Teams that are not named keep what they have. ``text_version`` is the version of the words that the patient read.

    :raises OutdatedConsentText: if there are newer words, or none of this version.
    :raises NotFoundOrHidden: for a team that is not of the patient's clinic, and for anybody but a patient.
    """
    patient_id = principal.own_patient_id
    if text_version != ConsentText.objects.order_by("-version").values_list("version", flat=True).first():
        raise OutdatedConsentText
    if CareTeam.objects.filter(clinic_id=principal.clinic_id, pk__in=wanted).count() != len(wanted):
        raise NotFoundOrHidden
    # Two requests at once: the second waits here, and then sees what the first has left.
    held = {
        row.team_id: row.categories()
        for row in Consent.objects.select_for_update().filter(patient_id=patient_id, team_id__in=wanted)
    }
    changes = [
        ConsentChange(
            clinic_id=principal.clinic_id, patient_id=patient_id, team_id=team, category=category,
            given=category in categories, text_id=text_version, by_id=principal.user_id, at=at,
        )
        for team, categories in wanted.items()
        for category in sorted(held.get(team, frozenset()).symmetric_difference(categories))
    ]  # fmt: skip
    if changes:
        ConsentChange.objects.bulk_create(changes)
        _audit(principal, changes, at)
    return len(changes)


def _audit(principal: Principal, changes: Collection[ConsentChange], at: datetime) -> None:
    detail = {
        "given": [f"{change.team_id}/{change.category}" for change in changes if change.given],
        "withdrawn": [f"{change.team_id}/{change.category}" for change in changes if not change.given],
    }
    text = f"consent-text/{next(iter(changes)).text_id}"
    principal.audit("consent.change", text, patient_id=principal.own_patient_id, at=at, detail=detail)


@dataclass(frozen=True, slots=True)
class TeamConsent:
    """One team: whether it is the patient's care team now, who is on it, and what it may see."""

    id: UUID
    name: str
    is_care_team: bool
    people: Sequence[tuple[str, str]]
    categories: frozenset[Category]


@dataclass(frozen=True, slots=True)
class ConsentOverview:
    """The words that stand, the teams, the caregivers, emergency access, and how consent came to be."""

    version: int
    text: dict[str, Any]
    teams: Sequence[TeamConsent]
    caregivers: Sequence[Caregiver]
    broken: Sequence[break_glass.BreakGlassView]
    changes: Sequence[ConsentChange]


def overview(principal: Principal, at: datetime) -> ConsentOverview:
    """
    Return all of it for the patient who asks, in eight statements.

    :raises NotFoundOrHidden: for anybody but a patient.
    """
    patient_id = principal.own_patient_id
    text = ConsentText.objects.order_by("-version")[0]
    changes = ConsentChange.objects.filter(patient_id=patient_id).order_by("-id")
    return ConsentOverview(
        version=text.version,
        text=text.content,
        teams=_teams(patient_id, at),
        caregivers=list(Caregiver.objects.filter(patient_id=patient_id).order_by("-starts_at", "id")),
        broken=break_glass.list_for_patient(principal=principal),
        changes=list(changes[:MOST_CHANGES]),
    )


def _teams(patient_id: UUID, at: datetime) -> list[TeamConsent]:
    """The care team first, then other teams that the patient ever shared with."""
    held = granted_categories(patient_id)
    own = Patient.objects.values_list("care_team_id", flat=True).get(pk=patient_id)
    rows = CareTeam.objects.filter(pk__in={own, *held}).order_by("name", "id")
    people: dict[UUID, list[tuple[str, str]]] = {}
    members = TeamMembership.objects.active(at).filter(team__in=rows).select_related("staff_member")
    for member in members.order_by("staff_member__name", "id"):
        staff = member.staff_member
        people.setdefault(member.team_id, []).append((staff.name, staff.get_role_display()))
    shown = [
        TeamConsent(row.pk, row.name, row.pk == own, people.get(row.pk, []), held.get(row.pk, frozenset()))
        for row in rows
    ]
    return sorted(shown, key=lambda team: not team.is_care_team)
