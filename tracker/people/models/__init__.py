"""Who: clinics, staff and teams; patients and consent; accounts, invitations, sessions, devices; data keys."""

from tracker.people.models.accounts import User, UserManager
from tracker.people.models.base import Walled
from tracker.people.models.clinics import CareTeam, Clinic, DutyPeriod, Role, StaffMember, TeamMembership
from tracker.people.models.consent import Consent, ConsentChange, ConsentText
from tracker.people.models.invitations import Invitation
from tracker.people.models.keys import DataKey, DeviceLabel, MasterKey, Sealed
from tracker.people.models.patients import Device, Patient, PatientOwned
from tracker.people.models.relations import BreakGlass, BreakGlassReason, Caregiver
from tracker.people.models.sessions import Session

__all__ = [
    "BreakGlass",
    "BreakGlassReason",
    "CareTeam",
    "Caregiver",
    "Clinic",
    "Consent",
    "ConsentChange",
    "ConsentText",
    "DataKey",
    "Device",
    "DeviceLabel",
    "DutyPeriod",
    "Invitation",
    "MasterKey",
    "Patient",
    "PatientOwned",
    "Role",
    "Sealed",
    "Session",
    "StaffMember",
    "TeamMembership",
    "User",
    "UserManager",
    "Walled",
]
