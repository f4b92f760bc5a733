"""
May they or may they not: the one table of rights. Pure.

A right is (role, action); which patients it reaches is decided by relation, in ``people.access``.
"""

from enum import StrEnum


class Category(StrEnum):
    """What a patient shares with a team, or with a caregiver: each on its own. The order is that of the walls."""

    PAIN = "PAIN"
    MOOD = "MOOD"
    MEDICATION = "MEDICATION"
    JOURNAL = "JOURNAL"
    VISITS = "VISITS"
    TREATMENT = "TREATMENT"


EVERYTHING = frozenset(Category)


class Action(StrEnum):
    """What a route lets its caller do. Every route names exactly one per method."""

    SEE_SELF = "see_self"
    WRITE_RECORDS = "write_records"
    READ_RECORDS = "read_records"
    READ_SUMMARIES = "read_summaries"
    READ_CATALOGUE = "read_catalogue"
    SEE_CASELOAD = "see_caseload"
    OPEN_CHART = "open_chart"
    ACKNOWLEDGE_ALERT = "acknowledge_alert"
    PLAN_CHECK_IN = "plan_check_in"
    SEE_CHECK_INS = "see_check_ins"
    READ_MESSAGES = "read_messages"
    SEE_CONSENT = "see_consent"
    CHANGE_CONSENT = "change_consent"
    INVITE_PATIENT = "invite_patient"
    MANAGE_STAFF = "manage_staff"


_EVERYBODY = {Action.SEE_SELF, Action.READ_CATALOGUE, Action.READ_MESSAGES}
_RIGHTS: dict[str, set[Action]] = {
    "PATIENT": _EVERYBODY
    | {
        Action.WRITE_RECORDS,
        Action.READ_RECORDS,
        Action.READ_SUMMARIES,
        Action.SEE_CHECK_INS,
        Action.SEE_CONSENT,
        Action.CHANGE_CONSENT,
    },
    "CLINICIAN": _EVERYBODY
    | {
        Action.READ_RECORDS,
        Action.READ_SUMMARIES,
        Action.SEE_CASELOAD,
        Action.OPEN_CHART,
        Action.ACKNOWLEDGE_ALERT,
        Action.PLAN_CHECK_IN,
        Action.SEE_CHECK_INS,
        Action.INVITE_PATIENT,
    },
    "COORDINATOR": _EVERYBODY
    | {
        Action.READ_RECORDS,
        Action.READ_SUMMARIES,
        Action.SEE_CASELOAD,
        Action.OPEN_CHART,
        Action.ACKNOWLEDGE_ALERT,
        Action.PLAN_CHECK_IN,
        Action.SEE_CHECK_INS,
        Action.INVITE_PATIENT,
    },
    "ADMINISTRATOR": _EVERYBODY | {Action.INVITE_PATIENT, Action.MANAGE_STAFF},
}


def may(role: str, action: Action) -> bool:
    """Return whether somebody with ``role`` may ever do ``action``. An unknown role may do nothing."""
    return action in _RIGHTS.get(role, set())
