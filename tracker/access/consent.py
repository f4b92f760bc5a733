"""Consent: what a patient lets each team see, changed and read. The only writer of these rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tracker.access import break_glass, devices
from tracker.access.models import Caregiver, Consent, ConsentChange, ConsentText
from tracker.access.policy import Category
from tracker.access.principal import Principal
from tracker.accounts import reauthentication
from tracker.clinics import patient_lock
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import CareTeam, DutyPeriod, Patient, TeamMembership

MOST_CHANGES = 200


class OutdatedConsentText(Exception):
    """Consent is given to the words that stand now, not to a version that has been followed by another."""


class ConsentsChanged(Exception):
    """More is to be shown than is shared now, by somebody who has not seen what is shared now."""


def granted_categories(patient_id: UUID) -> dict[UUID, frozenset[Category]]:
    """Return what each team may see of a patient."""
    return {held.team_id: held.categories() for held in Consent.objects.filter(patient_id=patient_id)}


def current_version(patient_id: UUID) -> int:
    """Return the version of a patient's consents: the number of the newest change, 0 before the first."""
    newest = ConsentChange.objects.filter(patient_id=patient_id).order_by("-id").values_list("id", flat=True)
    return newest.first() or 0


def set_consent(
    *,
    principal: Principal,
    wanted: Mapping[UUID, Collection[Category]],
    text_version: int,
    base_version: int | None,
    at: datetime,
) -> list[ConsentChange]:
    """
    Let each team of ``wanted`` see exactly these categories from its next look on; return what has changed.

    Teams that are not named keep what they have. ``text_version`` is the version of the words that the patient read,
    ``base_version`` the ``current_version`` of the consents that they saw, None if they do not say.

    All of it is decided under a lock on the patient. What shows any team more is consent, so it needs the words and
    the consents that stand now, a recent proof of who it is, and a phone that is not new. What only withdraws needs
    none of these: a withdrawal counts whatever its sender saw before and however long ago they signed in. A request
    that does both is one that shows more.

    :raises ConsentsChanged: if more is shown, and ``base_version`` is not the current one.
    :raises OutdatedConsentText: if more is shown and there are newer words, or there are none of this version.
    :raises devices.UseOlderDevice: if more is shown, on a phone that is new.
    :raises reauthentication.ReauthenticationRequired: if more is shown, and the sign-in is older than 5 minutes.
    :raises NotFoundOrHidden: for a team that is not of the patient's clinic, and for anybody but a patient.
    """
    patient_id = principal.own_patient_id
    # Before anything is read: there may be no consent yet, and two requests at once must not both be the first.
    patient_lock.lock(principal.clinic_id, patient_id)
    if CareTeam.objects.filter(clinic_id=principal.clinic_id, pk__in=wanted).count() != len(wanted):
        raise NotFoundOrHidden
    changes = _changes(principal, wanted, text_version, at)
    _require_published(text_version, newest=any(change.given for change in changes))
    if any(change.given for change in changes):
        if base_version != current_version(patient_id):
            raise ConsentsChanged
        reauthentication.require_recent(principal.authenticated_at, at)
        devices.require_older(principal, at)
    if changes:
        ConsentChange.objects.bulk_create(changes)
        _audit(principal, changes, at)
    return changes


def _changes(
    principal: Principal, wanted: Mapping[UUID, Collection[Category]], text_version: int, at: datetime
) -> list[ConsentChange]:
    """What has to change for each team to see exactly what is wanted, not yet stored."""
    held, is_recent = granted_categories(principal.own_patient_id), devices.is_recent(principal, at)
    return [
        ConsentChange(
            clinic_id=principal.clinic_id, patient_id=principal.own_patient_id, team_id=team, category=category,
            given=category in categories, text_id=text_version, by_id=principal.user_id, at=at,
            by_recent_sign_in=is_recent,
        )
        for team, categories in wanted.items()
        for category in sorted(held.get(team, frozenset()).symmetric_difference(categories))
    ]  # fmt: skip


def _require_published(text_version: int, *, newest: bool) -> None:
    """Go on if there are words of this version; with ``newest``, only if none have followed them."""
    published = set(ConsentText.objects.values_list("version", flat=True))
    if text_version not in published or (newest and text_version != max(published)):
        raise OutdatedConsentText


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
    """
    The words that stand, the teams, the caregivers, emergency access, and how consent came to be.

    ``version`` is the ``current_version`` of the consents, ``text_version`` that of the words.
    """

    version: int
    text_version: int
    text: dict[str, Any]
    teams: Sequence[TeamConsent]
    caregivers: Sequence[Caregiver]
    broken: Sequence[break_glass.BreakGlassView]
    changes: Sequence[ConsentChange]


def overview(principal: Principal, at: datetime) -> ConsentOverview:
    """
    Return all of it for the patient who asks, in nine statements.

    :raises NotFoundOrHidden: for anybody but a patient.
    """
    patient_id = principal.own_patient_id
    text = ConsentText.objects.order_by("-version")[0]
    # Before what they led to: who reads while something changes has an outdated version, never an outdated sharing
    # under the new version.
    changes = list(ConsentChange.objects.filter(patient_id=patient_id).order_by("-id")[:MOST_CHANGES])
    return ConsentOverview(
        version=changes[0].pk if changes else 0,
        text_version=text.version,
        text=text.content,
        teams=_teams(patient_id, at),
        caregivers=list(Caregiver.objects.filter(patient_id=patient_id).order_by("-starts_at", "id")),
        broken=break_glass.list_for_patient(principal=principal),
        changes=changes,
    )


def _teams(patient_id: UUID, at: datetime) -> list[TeamConsent]:
    """The care team first, then other teams that the patient ever shared with."""
    held = granted_categories(patient_id)
    own = Patient.objects.values_list("care_team_id", flat=True).get(pk=patient_id)
    rows = CareTeam.objects.filter(pk__in={own, *held}).order_by("name", "id")
    people: dict[UUID, list[tuple[str, str]]] = {}
    # Who is on duty for a team sees what its members see.
    for model in (TeamMembership, DutyPeriod):
        active: Any = model.objects.active(at).filter(team__in=rows).select_related("staff_member")
        for each in active.order_by("staff_member__name", "id"):
            person = (each.staff_member.name, each.staff_member.get_role_display())
            if person not in people.setdefault(each.team_id, []):
                people[each.team_id].append(person)
    shown = [
        TeamConsent(row.pk, row.name, row.pk == own, people.get(row.pk, []), held.get(row.pk, frozenset()))
        for row in rows
    ]
    return sorted(shown, key=lambda team: not team.is_care_team)
