"""
The actors of the access matrix: who asks, what is whose, and the markers by which a leak would be seen.

Who is what to whom is written down here by hand, as a nurse would say it; nothing of it is asked of the product.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests import factories
from tests.access.resources import NOW, Resource, account_resources, missing_resource, patient_resources
from tests.phone import Phone, token_of
from tests.rls_context import as_clinic, as_user
from tracker.access import caregivers
from tracker.access.policy import EVERYTHING, Category
from tracker.accounts.models import Session, User
from tracker.alerts.break_glass import start_and_notify
from tracker.clinics.models import CareTeam, Clinic, Patient, Role, StaffMember, TeamMembership

LATELY = NOW - timedelta(minutes=5)
ALL = frozenset(category.value for category in EVERYTHING)
SOME = frozenset({"PAIN", "VISITS"})


@dataclass(frozen=True)
class Tie:
    """What somebody is to a patient, and what that patient shares with them."""

    kind: str
    shares: frozenset[str] = ALL


@dataclass(frozen=True)
class Actor:
    """
    Somebody who asks. ``role`` is empty for who is nobody to the product: signed out, ended, switched off.

    ``waiting`` are the patients whom they may ask in once more; ``half`` is staff without their second factor.
    """

    name: str
    role: str
    phone: Phone | None
    place: str = "here"
    ties: Mapping[str, Tie] = field(default_factory=dict)
    waiting: frozenset[str] = frozenset()
    half: bool = False

    @property
    def is_in(self) -> bool:
        return bool(self.role) and not self.half


@dataclass(frozen=True)
class Scenario:
    """Everybody, and everything there is: by the name of whose it is; ``missing`` is nobody's."""

    actors: Mapping[str, Actor]
    resources: Mapping[str, Resource]
    patients: Mapping[str, Patient]
    staff: frozenset[str]


@dataclass(frozen=True)
class ClinicSetup:
    """A clinic and its teams."""

    clinic: Clinic
    north: CareTeam
    south: CareTeam

    def staff(self, name: str, role: Role = Role.CLINICIAN, on: CareTeam | None = None) -> StaffMember:
        return factories.staff(self.clinic, f"{name}vqz", role, on=on)

    def patient(self, name: str, on: CareTeam, **more: Any) -> Patient:
        birth_date = NOW.date() - timedelta(days=12_000)
        return factories.patient(self.clinic, f"{name}vqz", on, birth_date=birth_date, **more)


def scenario() -> Scenario:
    """
    Two clinics at work. Ada, Nan and Deb are on the northern team, and Deb shares nothing; Bea is on the southern
    one; Gus is at another clinic. Wes and Wyn have been invited and have no account yet. Carl may write in what Ada
    shows him, Cyd reads it, Cora did.
    """
    here, there = _clinic_setup("Riverside"), _clinic_setup("Hillsidevqz")
    people, patients = _staff(here, there), _patients(here, there)
    carers = {name: factories.user(f"{name}vqz") for name in ("carl", "cyd", "cora")}
    planners = {name: people["ben"] for name in ("ada", "nan", "deb")}
    planners |= {"bea": people["cleo"], "gus": people["finn"]}
    given = {name: _give(patients["ada"], user, name == "carl") for name, user in carers.items()}
    accounts = {name: row.user for name, row in (people | patients).items() if row.user} | carers
    phones = {name: Phone(user) for name, user in accounts.items()}
    resources = {
        name: patient_resources(row, name, phones.get(name), planners.get(name))
        for name, row in patients.items()
    }
    resources["ada"] |= {"caregiver": given["carl"]}
    for name in ("nan", "deb", "bea", "gus"):
        resources[name] |= {"caregiver": _give(patients[name], factories.user(f"carer-of-{name}"))}
    resources |= {name: account_resources(row, phones[name]) for name, row in people.items()}
    resources |= {
        name: account_resources(user, phones[name]) | {"role": given[name]} for name, user in carers.items()
    }
    resources |= {"missing": missing_resource()}
    factories.share(patients["deb"], here.north, (), NOW - timedelta(minutes=1))
    _change(here, people, patients, given)
    ended = _ended(accounts["ada"])
    half = _half_way(people["kim"].user)
    return Scenario(_actors(phones | {"ended": ended, "kim": half}), resources, patients, frozenset(people))


def _clinic_setup(name: str) -> ClinicSetup:
    clinic = factories.clinic(name=name, crisis_text=f"Call the {name} line.")
    return ClinicSetup(
        clinic, factories.team(clinic, f"{name} north"), factories.team(clinic, f"{name} south")
    )


def _staff(here: ClinicSetup, there: ClinicSetup) -> dict[str, StaffMember]:
    return {
        "ben": here.staff("ben", on=here.north),
        "dan": here.staff("dan", Role.COORDINATOR, on=here.north),
        "cleo": here.staff("cleo", on=here.south),
        "finn": there.staff("finn", on=there.north),
        "hal": here.staff("hal", on=here.north),
        "gil": here.staff("gil"),
        "eve": here.staff("eve", Role.ADMINISTRATOR),
        "olga": here.staff("olga", Role.PRIVACY_OFFICER),
        "otto": here.staff("otto", Role.OPERATOR),
        "ivo": here.staff("ivo", on=here.north),
        "kim": here.staff("kim", on=here.north),
    }


def _patients(here: ClinicSetup, there: ClinicSetup) -> dict[str, Patient]:
    return {
        "ada": here.patient("ada", here.north),
        "nan": here.patient("nan", here.north),
        "deb": here.patient("deb", here.north),
        "bea": here.patient("bea", here.south),
        "gus": there.patient("gus", there.north),
        "wes": here.patient("wes", here.north, user=None),
        "wyn": there.patient("wyn", there.north, user=None),
    }


def _give(patient: Patient, user: User, may_write: bool = False) -> str:
    shown = (Category(each) for each in SOME)
    return str(factories.caregiver(patient, user, *shown, at=LATELY, may_write=may_write).pk)


def _change(
    here: ClinicSetup,
    people: Mapping[str, StaffMember],
    patients: Mapping[str, Patient],
    given: Mapping[str, str],
) -> None:
    """What has ended by now, and Gil's break-glass access to Ada's record."""
    with as_user(people["gil"], LATELY) as gil:
        start_and_notify(
            principal=gil, patient_id=patients["ada"].pk, reason="Found unconscious, reasonvqzada.", at=LATELY
        )
    with as_clinic(here.clinic.pk):
        TeamMembership.objects.filter(staff_member=people["hal"]).update(ends_at=LATELY)
    with as_user(patients["ada"], NOW) as ada:
        caregivers.revoke(principal=ada, caregiver_id=uuid.UUID(given["cora"]), at=NOW)
    # Switched off, and the session left behind: the account itself must be asked.
    User.objects.filter(pk=people["ivo"].user_id).update(is_active=False)


def _actors(phones: Mapping[str, Phone]) -> dict[str, Actor]:
    north = {"ada": Tie("TEAM"), "nan": Tie("TEAM"), "deb": Tie("TEAM", frozenset())}
    rows = [
        ("nobody", "", {}),
        ("ended", "", {}),
        ("ada", "PATIENT", {"ada": Tie("SELF")}),
        ("bea", "PATIENT", {"bea": Tie("SELF")}),
        ("gus", "PATIENT", {"gus": Tie("SELF")}),
        ("deb", "PATIENT", {"deb": Tie("SELF")}),
        ("carl", "CAREGIVER", {"ada": Tie("WRITER", SOME)}),
        ("cyd", "CAREGIVER", {"ada": Tie("CAREGIVER", SOME)}),
        ("cora", "", {}),
        ("ben", "CLINICIAN", north),
        ("dan", "COORDINATOR", north),
        ("cleo", "CLINICIAN", {"bea": Tie("TEAM")}),
        ("finn", "CLINICIAN", {"gus": Tie("TEAM")}),
        ("hal", "CLINICIAN", {}),
        ("gil", "CLINICIAN", {"ada": Tie("BREAK_GLASS")}),
        ("eve", "ADMINISTRATOR", {}),
        ("olga", "PRIVACY_OFFICER", {}),
        ("otto", "OPERATOR", {}),
        ("ivo", "", {}),
        ("kim", "CLINICIAN", north),
    ]
    waiting = {name: frozenset({"wes"}) for name in ("ben", "dan", "eve")} | {"finn": frozenset({"wyn"})}
    return {
        name: Actor(
            name, role, phones.get(name),
            "there" if name in {"gus", "finn"} else "here",
            ties, waiting.get(name, frozenset()), half=name == "kim",
        )
        for name, role, ties in rows
    }  # fmt: skip


def _half_way(user: User) -> Phone:
    """Staff who have shown a password only."""
    phone = Phone(user)
    phone.token = token_of(user, second_factor=False)
    phone.headers["X-Session-Token"] = phone.token
    return phone


def _ended(user: User) -> Phone:
    """A phone whose session has run out."""
    phone = Phone(user)
    Session.objects.filter(device_id=phone.device).update(expire_date=NOW - timedelta(seconds=1))
    return phone
