"""
May they or may they not: the one table of rights, by role, relation, action and category. Pure.

What somebody is decides what they may ever do (``role_may``: a route). What they are to a patient decides what they may
do with that patient (``may``). What the patient shares with them narrows it further; that is looked up in
``access.principal``, and the database holds to it on its own.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])


class Category(StrEnum):
    """
    What a patient shares with a team, or with a caregiver: each on its own.

    The order is that of the bits in ``sql/set_context.sql``.
    """

    PAIN = "PAIN"
    MOOD = "MOOD"
    MEDICATION = "MEDICATION"
    JOURNAL = "JOURNAL"
    VISITS = "VISITS"
    TREATMENT = "TREATMENT"


EVERYTHING = frozenset(Category)
_VISITS = frozenset({Category.VISITS})
_TREATMENT = frozenset({Category.TREATMENT})
# Of a patient, but of no category: who they are, and that an answer of theirs needs attention.
_NO_CATEGORY: frozenset[Category] = frozenset()


class Relation(StrEnum):
    """What somebody is to a patient."""

    SELF = "SELF"
    CAREGIVER = "CAREGIVER"
    # Whom the patient lets write too.
    WRITING_CAREGIVER = "WRITING_CAREGIVER"
    TEAM = "TEAM"
    BREAK_GLASS = "BREAK_GLASS"
    # Is asked about their alerts without being on the team: primary clinician, on duty, fallback contact.
    ALERT_RESPONDER = "ALERT_RESPONDER"


class Action(StrEnum):
    """What a route lets its caller do. Every route names exactly one per method."""

    SEE_SELF = "see_self"
    CHANGE_PROFILE = "change_profile"
    WRITE_RECORDS = "write_records"
    PUSH_RECORDS = "push_records"
    USE_DEVICE = "use_device"
    READ_RECORDS = "read_records"
    READ_SUMMARIES = "read_summaries"
    READ_CATALOGUE = "read_catalogue"
    SEE_CASELOAD = "see_caseload"
    OPEN_CHART = "open_chart"
    ACKNOWLEDGE_ALERT = "acknowledge_alert"
    PLAN_CHECK_IN = "plan_check_in"
    SEE_CHECK_INS = "see_check_ins"
    SEE_TREATMENT_SESSIONS = "see_treatment_sessions"
    PLAN_TREATMENT_SESSION = "plan_treatment_session"
    RECORD_TREATMENT_SESSION = "record_treatment_session"
    SEE_MONITORING_LIMITS = "see_monitoring_limits"
    SET_MONITORING_LIMITS = "set_monitoring_limits"
    DISCHARGE_PATIENT = "discharge_patient"
    READ_MESSAGES = "read_messages"
    SEE_CONSENT = "see_consent"
    CHANGE_CONSENT = "change_consent"
    BREAK_GLASS = "break_glass"
    SEE_BREAK_GLASS = "see_break_glass"
    INVITE_PATIENT = "invite_patient"
    MANAGE_STAFF = "manage_staff"
    APPROVE_STAFF = "approve_staff"
    DISABLE_PATIENT_ACCOUNT = "disable_patient_account"
    READ_OWN_ACCESS_LOG = "read_own_access_log"
    READ_ACCESS_LOG = "read_access_log"


# About no patient, or about oneself.
_EVERYBODY = frozenset({Action.SEE_SELF, Action.READ_CATALOGUE, Action.READ_MESSAGES})
_BY_ROLE: Mapping[str, frozenset[Action]] = {
    "PATIENT": _EVERYBODY
    | {
        Action.CHANGE_PROFILE,
        Action.USE_DEVICE,
        Action.PUSH_RECORDS,
        Action.SEE_CONSENT,
        Action.CHANGE_CONSENT,
        Action.READ_OWN_ACCESS_LOG,
    },
    "CAREGIVER": _EVERYBODY,
    "CLINICIAN": _EVERYBODY
    | {Action.SEE_CASELOAD, Action.BREAK_GLASS, Action.INVITE_PATIENT}
    | {Action.SEE_MONITORING_LIMITS, Action.SET_MONITORING_LIMITS},
    "COORDINATOR": _EVERYBODY | {Action.SEE_CASELOAD, Action.INVITE_PATIENT, Action.SEE_MONITORING_LIMITS},
    "ADMINISTRATOR": _EVERYBODY | {Action.INVITE_PATIENT, Action.MANAGE_STAFF, Action.APPROVE_STAFF},
    "PRIVACY_OFFICER": _EVERYBODY | {Action.SEE_BREAK_GLASS, Action.READ_ACCESS_LOG, Action.APPROVE_STAFF},
    "OPERATOR": _EVERYBODY,
}

_READ = {
    Action.OPEN_CHART: EVERYTHING,
    Action.READ_RECORDS: EVERYTHING,
    Action.READ_SUMMARIES: EVERYTHING,
    Action.SEE_CHECK_INS: _VISITS,
    Action.SEE_TREATMENT_SESSIONS: _TREATMENT,
    Action.ACKNOWLEDGE_ALERT: _NO_CATEGORY,
}
_READ_BY_CAREGIVER = {
    Action.READ_RECORDS: EVERYTHING,
    Action.READ_SUMMARIES: EVERYTHING,
    Action.SEE_CHECK_INS: _VISITS,
    Action.SEE_TREATMENT_SESSIONS: _TREATMENT,
}
_CARE = {
    **_READ,
    Action.PLAN_CHECK_IN: _VISITS,
    Action.PLAN_TREATMENT_SESSION: _TREATMENT,
    Action.RECORD_TREATMENT_SESSION: _TREATMENT,
    Action.DISCHARGE_PATIENT: _NO_CATEGORY,
    Action.DISABLE_PATIENT_ACCOUNT: _NO_CATEGORY,
}
_BY_RELATION: Mapping[tuple[str, Relation], Mapping[Action, frozenset[Category]]] = {
    ("PATIENT", Relation.SELF): {
        Action.WRITE_RECORDS: EVERYTHING,
        Action.READ_RECORDS: EVERYTHING,
        Action.READ_SUMMARIES: EVERYTHING,
        Action.SEE_CHECK_INS: _VISITS,
        Action.SEE_TREATMENT_SESSIONS: _TREATMENT,
        # Of a session at home (``treatment.acceptance``).
        Action.RECORD_TREATMENT_SESSION: _TREATMENT,
    },
    ("CAREGIVER", Relation.CAREGIVER): _READ_BY_CAREGIVER,
    # Which kinds of record a caregiver writes, each kind says (``Kind.caregivers_write``): never the journal.
    ("CAREGIVER", Relation.WRITING_CAREGIVER): {
        **_READ_BY_CAREGIVER,
        Action.WRITE_RECORDS: EVERYTHING - {Category.JOURNAL},
    },
    ("CLINICIAN", Relation.TEAM): _CARE,
    ("COORDINATOR", Relation.TEAM): _CARE,
    # An alert responder sees that there is an alert, whose it is, and takes it on. To read on takes break-glass access.
    ("CLINICIAN", Relation.ALERT_RESPONDER): {Action.ACKNOWLEDGE_ALERT: _NO_CATEGORY},
    ("COORDINATOR", Relation.ALERT_RESPONDER): {Action.ACKNOWLEDGE_ALERT: _NO_CATEGORY},
    # In an emergency a record is read, and an alert taken on. Nothing is planned or changed.
    ("CLINICIAN", Relation.BREAK_GLASS): _READ,
}


def role_may(role: str, action: Action) -> bool:
    """Return whether somebody with ``role`` may ever do ``action``. An unknown role may do nothing."""
    return action in _BY_ROLE.get(role, ()) or any(
        action in rights for (whose, _), rights in _BY_RELATION.items() if whose == role
    )


def may(role: str, relation: Relation, action: Action, category: Category | None = None) -> bool:
    """
    Return whether somebody may do ``action`` with a patient to whom they are ``relation``, within ``category``.

    Without a category it is about who the patient is, and about their alerts.
    """
    rights = _BY_RELATION.get((role, relation), {})
    return action in rights and (category is None or category in rights[action])


def public(reason: str) -> Callable[[View], View]:
    """Declare on a view that anybody may ask for it, and why. Any other route names its action, or nothing starts."""

    def declare(view: View) -> View:
        view.public = reason  # type: ignore[attr-defined]
        return view

    return declare
