"""Schemas of what a patient shares: answers, and the ``server`` of a problem."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel

from tracker.access.policy import Category
from tracker.lib import codes

Named = Annotated[Category, codes.LowerCase()]


class TeamPerson(BaseModel):
    name: str
    role: str


class TeamConsent(BaseModel):
    """A team, who is on it now, and what it sees."""

    team: UUID
    name: str
    care_team: bool
    people: list[TeamPerson]
    categories: list[Named]


class CaregiverOut(BaseModel):
    """
    Somebody close: invited at ``starts_at`` and until ``accept_by``, or shown these categories since then.

    ``may_write``: they may write in them too. ``version`` grows with each change of that, and when the access ends.
    """

    id: UUID
    name: str
    categories: list[Named]
    may_write: bool
    version: int
    accepted: bool
    accept_by: datetime
    starts_at: datetime
    ends_at: datetime | None


class InvitedCaregiver(CaregiverOut):
    """Somebody who was invited just now, with the code that is to be handed over to them."""

    code: str


class PatientBreakGlassOut(BaseModel):
    """A clinician outside the team opened the record in an emergency."""

    by: str
    begun_at: datetime
    ends_at: datetime
    reason: str | None


class ConsentChangeOut(BaseModel):
    team: UUID
    category: Named
    given: bool
    text_version: int
    at: datetime


class CategoryWords(BaseModel):
    """What the text of consent says of one category."""

    label: str
    says: str
    redisclosure: str | None = None


class ConsentWords(BaseModel):
    """The words in which consent is asked. ``categories`` has what is said of each, by its code."""

    language: str
    title: str
    intro: str
    always: str
    emergency: str
    categories: dict[str, CategoryWords]


class Consents(BaseModel):
    """
    Who sees what of me now, how it came to be, and the words in which I was asked.

    ``version`` grows with every change of what the teams see. It is no ETag: the caregivers and the accesses in an
    emergency change without it.
    """

    version: int
    text_version: int
    text: ConsentWords
    teams: list[TeamConsent]
    caregivers: list[CaregiverOut]
    break_glass: list[PatientBreakGlassOut]
    history: list[ConsentChangeOut]
