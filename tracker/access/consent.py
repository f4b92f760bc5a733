"""All that a patient has to know about who sees what, in one reading. Who changes it: ``people.actions``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tracker.access import break_glass
from tracker.access.models import Caregiver, ConsentChange, ConsentText
from tracker.access.policy import Category
from tracker.access.principal import Principal
from tracker.clinics.models import CareTeam, Patient, TeamMembership
from tracker.people import actions

MOST_CHANGES = 200


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
    """The words that stand, the teams, the caregivers, who broke the glass, and how consent came to be."""

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
    held = actions.granted_categories(patient_id)
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
