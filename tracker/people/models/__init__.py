"""Who: people who sign in, clinics, patients, staff, care teams, devices and the patients' data keys."""

from tracker.people.models.accounts import User, UserManager
from tracker.people.models.base import Walled
from tracker.people.models.clinics import CareTeam, Clinic, Role, StaffMember, TeamMembership
from tracker.people.models.patients import DataKey, Device, Patient, PatientOwned

__all__ = [
    "CareTeam",
    "Clinic",
    "DataKey",
    "Device",
    "Patient",
    "PatientOwned",
    "Role",
    "StaffMember",
    "TeamMembership",
    "User",
    "UserManager",
    "Walled",
]
