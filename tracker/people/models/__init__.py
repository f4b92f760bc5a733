"""Who: clinics, staff and teams; patients and consent; accounts, invitations, sessions, devices; data keys."""

from tracker.access.models import (
    BreakGlassAccess,
    BreakGlassReason,
    Caregiver,
    Consent,
    ConsentChange,
    ConsentText,
    Device,
    DeviceLabel,
)
from tracker.accounts.models import Session, User, UserManager
from tracker.clinics.models import (
    CareTeam,
    Clinic,
    ClinicOwned,
    DutyPeriod,
    Invitation,
    Patient,
    PatientOwned,
    Role,
    StaffMember,
    TeamMembership,
)
from tracker.keys.models import DataKey, EncryptedText, MasterKey

__all__ = [
    "BreakGlassAccess",
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
    "ClinicOwned",
]
