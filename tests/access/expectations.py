"""
What each route and method must answer, to whom, and about whose resources. One row each; no row, no route.

It is written from the rules (docs and policy in words), not from the code: if the two differ, one of them is wrong.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.utils import timezone

from tests import factories
from tests.access.actors import Actor
from tests.access.leak_markers import LOGGED
from tests.access.resources import Resource
from tracker.dashboard.forms import MonitoringLimitsForm
from tracker.treatment import limits

PATIENT = frozenset({"PATIENT"})
CAREGIVER = frozenset({"CAREGIVER"})
TREAT = frozenset({"CLINICIAN", "COORDINATOR"})
READ = TREAT | PATIENT | CAREGIVER
STAFF = TREAT | {"ADMINISTRATOR", "PRIVACY_OFFICER", "OPERATOR"}
APPROVERS = frozenset({"ADMINISTRATOR", "PRIVACY_OFFICER"})
ALL = STAFF | {"PATIENT", "CAREGIVER"}
ANY_CATEGORY = frozenset({"PAIN", "MOOD", "MEDICATION", "JOURNAL", "VISITS", "TREATMENT"})
# A caregiver whom the patient lets write is a WRITER.
WHOEVER = ("SELF", "CAREGIVER", "WRITER", "TEAM", "BREAK_GLASS")
WRITE = PATIENT | CAREGIVER

Reach = Callable[[Actor, str], bool]
Body = Callable[[Resource], Any]


def own(actor: Actor, whose: str) -> bool:
    return actor.name == whose


def tied(*kinds: str, of: frozenset[str] | set[str] = frozenset()) -> Reach:
    """Whoever is one of ``kinds`` to the patient, and is shown at least one category of ``of``, if it names any."""

    def reaches(actor: Actor, whose: str) -> bool:
        tie = actor.ties.get(whose)
        return tie is not None and tie.kind in kinds and (not of or bool(tie.shares & of))

    return reaches


def nobody(actor: Actor, whose: str) -> bool:
    return False


def may_invite(actor: Actor, whose: str) -> bool:
    return whose in actor.waiting


def is_second_person(actor: Actor, whose: str) -> bool:
    """Eve has invited the one who waits where Wes waits; Olga has not."""
    return (actor.name, whose) == ("olga", "wes")


def at_clinic(*names: str) -> Reach:
    """Whoever works where the named people of the first clinic are; at the other one there is Gus."""
    return lambda actor, whose: whose in (names if actor.place == "here" else ("gus",))


@dataclass(frozen=True, kw_only=True)
class Row:
    """
    ``roles`` may use it at all; ``reach`` says with whose resources, and then it answers ``answer``, else ``refused``.

    The resource is named in the path, by ``query`` (parameter -> what of the resource) or by what ``body`` makes of it.
    ``fixed`` is asked in each query. ``public`` routes give everybody the same answer; a role that may not gets
    ``others``, and one of ``must_name``, which says whose record it means, 400 where it says nothing. ``answer_of`` is
    what a role gets instead of ``answer``; ``crossed`` what another's id gets under the name of a patient whom one
    reaches. Without ``asked_unnamed`` another row says what is answered where nobody is named.
    """

    roles: frozenset[str] = ALL
    reach: Reach | None = None
    answer: int = 200
    refused: int = 404
    others: int = 403
    must_name: frozenset[str] = frozenset()
    answer_of: Mapping[str, int] = field(default_factory=dict)
    crossed: int = 404
    asked_unnamed: bool = True
    query: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None
    public: bool = False


PATIENTS = {"patient": "patient"}
EVERYTHING = tied(*WHOEVER, of=ANY_CATEGORY)


def item(resource: Resource) -> dict[str, Any]:
    """A pain entry under the id of somebody's."""
    return factories.pain(3, id=resource["pain"])


def check_in(resource: Resource) -> dict[str, Any]:
    return {"patient": resource["patient"], "starts_at": "2026-03-09T10:00:00+01:00", "minutes": 20}


def check_in_form(resource: Resource) -> dict[str, Any]:
    assert resource["patient"]
    return {"on": "2026-03-09", "time": "10:00", "minutes": "20"}


def session_form(resource: Resource) -> dict[str, Any]:
    assert resource["patient"]
    return {"on": "2026-03-01", "time": "10:00", "route": "IV_INFUSION", "dose_mg": "35"}


def plan_form(resource: Resource) -> dict[str, Any]:
    assert resource["patient"]
    day = (factories.MONDAY - timedelta(days=next(_DAYS))).date().isoformat()
    return {"on": day, "time": "23:30", "minutes": "10", "route": "IM", "setting": "CLINIC", "unit": ""}


def event_form(_: Resource) -> dict[str, Any]:
    return {"id": str(uuid4()), "kind": "sedation", "moaas": "5"}


def limits_form(_: Resource) -> dict[str, Any]:
    return {name: str(value) for name, value in MonitoringLimitsForm.values_of(limits.DEFAULTS).items()}


_HOURS, _DAYS = itertools.count(24), itertools.count(2)


def session_plan(resource: Resource) -> dict[str, Any]:
    """Each at a time of its own: one patient has one session at a time."""
    starts_at = (factories.MONDAY + timedelta(hours=3 * next(_HOURS))).isoformat()
    now = timezone.now().isoformat()
    plan = {"kind": "plan", "id": str(uuid4()), "at": now, "starts_at": starts_at, "route": "im"}
    return {"id": str(uuid4()), "patient": resource["patient"], "sent_at": now, "plan": plan}


def session_events(_: Resource) -> dict[str, Any]:
    now = timezone.now().isoformat()
    return {"sent_at": now, "events": [{"kind": "sedation", "id": str(uuid4()), "at": now, "moaas": 5}]}


def monitoring_limits(_: Resource) -> dict[str, Any]:
    return {"limits": {name: getattr(limits.DEFAULTS, name) for name in limits.BOUNDS}}


def consent(resource: Resource) -> dict[str, Any]:
    """The sender's own version is filled in on the way."""
    teams = [{"team": resource["team"], "categories": ["pain"]}]
    return {"text_version": 1, "base_version": "OWN", "teams": teams}


def break_glass(resource: Resource) -> dict[str, Any]:
    return {"name": resource["name"], "birth_date": resource["birth_date"], "reason": "Found unconscious."}


def own_profile(_: Resource) -> dict[str, Any]:
    return {"time_zone": "Europe/Berlin"}


def new_email(_: Resource) -> dict[str, Any]:
    return {"email": "another@example.org"}


def email_code(_: Resource) -> dict[str, Any]:
    return {"code": "2222-2222-2222-2222"}


def no_writing(_: Resource) -> dict[str, Any]:
    return {"may_write": False}


def caregiver(_: Resource) -> dict[str, Any]:
    return {"name": "Carla", "categories": ["pain"]}


def push(resource: Resource) -> dict[str, Any]:
    """The sender's device is filled in on the way."""
    return {"key": "matrix-key", "device": "OWN", "records": [item(resource)]}


def unfinished(_: Resource) -> dict[str, Any]:
    return {"name": ""}


def stranger(_: Resource) -> dict[str, Any]:
    return {
        "code": "2222-2222", "birth_date": "1990-01-01", "email": "new@example.org", "password": "a long password",
    }  # fmt: skip


# What the path of a route calls it -> what of a resource it is.
IN_PATH = {
    "record_id": "pain", "device_id": "device", "reference": "session", "caregiver_id": "caregiver",
    "message_id": "message", "summary_id": "summary", "alert_id": "alert", "check_in_id": "check_in",
    "patient_id": "patient", "member_id": "member", "pk": "passkey", "period_id": "duty",
    "role_id": "role", "invitation_id": "newcomer", "session_id": "treatment_session",
}  # fmt: skip
IN_PATH_OF = {"patients/invite/<uuid:patient_id>/": {"patient_id": "waiting"}}
FIXED_IN_PATH = {"instrument": "phq-9", "version": "1999", "uidb36": "1", "key": "set-password"}

API: Mapping[str, Row | tuple[Row, ...]] = {
    "GET health/live": Row(public=True),
    "GET health/ready": Row(public=True),
    # No worker and no watch run in the tests of the matrix.
    "GET health/safety": Row(public=True),
    "GET api/v1/schema": Row(public=True),
    "GET api/v1/schema/accounts": Row(public=True),
    "GET api/v1/docs": Row(public=True),
    "POST api/v1/invitations/accept": Row(public=True, answer=403, body=stranger),
    "GET api/v1/me": Row(),
    "PATCH api/v1/me": Row(roles=PATIENT, body=own_profile),
    # Everybody here has a passkey, and has not shown it.
    "POST api/v1/me/email": Row(roles=PATIENT, answer=403, body=new_email),
    "POST api/v1/me/email/confirm": Row(roles=PATIENT, answer=403, body=email_code),
    "GET api/v1/me/versions": Row(roles=PATIENT),
    "GET api/v1/access-log": (
        Row(roles=frozenset({"PRIVACY_OFFICER"})),
        # A clinic's own access log, narrowed: of whom there is no event there, there is an empty list.
        Row(roles=frozenset({"PRIVACY_OFFICER"}), reach=at_clinic("ada", "nan", "deb", "bea"), refused=200,
            query=PATIENTS),
    ),
    "GET api/v1/me/access-log": Row(roles=PATIENT),
    "GET api/v1/me/consents": Row(roles=PATIENT),
    # A patient may show herself to every team of her clinic, and to none of another.
    "PUT api/v1/me/consents": Row(
        roles=PATIENT, reach=at_clinic("ada", "nan", "deb", "bea"), body=consent
    ),
    "GET api/v1/me/sessions": Row(),
    "DELETE api/v1/me/sessions/<uuid:reference>": Row(reach=own, answer=204),
    "GET api/v1/me/roles": Row(),
    "PUT api/v1/me/roles/<uuid:role_id>": Row(reach=own, answer=204),
    "GET api/v1/devices": Row(roles=PATIENT),
    # A sign-in is bound to its own phone; that another phone has this id tells nothing.
    "POST api/v1/devices": Row(
        roles=PATIENT, reach=own, refused=409, body=lambda resource: {"id": resource["device"]}
    ),
    "DELETE api/v1/devices/<uuid:device_id>": Row(roles=PATIENT, reach=own, answer=204),
    "PUT api/v1/devices/<uuid:device_id>": Row(roles=PATIENT, reach=own, answer=204),
    "DELETE api/v1/patients/<uuid:patient_id>/sign-in": Row(roles=TREAT, reach=tied("TEAM"), answer=204),
    # Nobody's sign-in is closed.
    "PUT api/v1/patients/<uuid:patient_id>/sign-in": Row(roles=TREAT, reach=nobody),
    "POST api/v1/me/caregivers": Row(roles=PATIENT, answer=201, body=caregiver),
    "PATCH api/v1/me/caregivers/<uuid:caregiver_id>": Row(roles=PATIENT, reach=own, body=no_writing),
    "DELETE api/v1/me/caregivers/<uuid:caregiver_id>": Row(roles=PATIENT, reach=own, answer=204),
    "GET api/v1/break-glass": Row(roles=frozenset({"PRIVACY_OFFICER"})),
    "POST api/v1/break-glass": Row(
        roles=frozenset({"CLINICIAN"}), reach=at_clinic("ada", "nan", "deb", "bea"), answer=201, body=break_glass
    ),
    "DELETE api/v1/break-glass": Row(roles=frozenset({"CLINICIAN"}), answer=204),
    "GET api/v1/messages": Row(),
    "POST api/v1/messages/<uuid:message_id>/read": Row(reach=own, answer=204),
    # Ids are unique per owner: under another's id one's own record is made, as under an id nobody has.
    "POST api/v1/sync/push": Row(roles=PATIENT, reach=own, refused=200, body=push),
    # Also of who shares nothing: the reader is told what has to go.
    "GET api/v1/sync/pull": Row(roles=READ, reach=tied(*WHOEVER), query=PATIENTS),
    "GET api/v1/records": (
        Row(roles=READ, reach=EVERYTHING, query=PATIENTS),
        Row(roles=READ, reach=tied(*WHOEVER, of={"MOOD"}), query=PATIENTS, fixed={"kind": "daily"}),
        Row(roles=READ, reach=tied(*WHOEVER, of={"JOURNAL"}), query=PATIENTS, fixed={"kind": "journal"}),
    ),
    # Under an id that is held, a conflict; and a caregiver changes nothing that the patient wrote.
    "POST api/v1/records": (
        Row(roles=PATIENT, must_name=CAREGIVER, reach=own, answer=409, refused=201, body=item),
        Row(roles=WRITE, reach=tied("SELF", "WRITER", of={"PAIN"}), query=PATIENTS, answer=409, body=item,
            asked_unnamed=False),
    ),
    "GET api/v1/records/<uuid:record_id>": Row(
        roles=READ, reach=tied(*WHOEVER, of={"PAIN"}), query=PATIENTS
    ),
    "PUT api/v1/records/<uuid:record_id>": (
        Row(roles=PATIENT, must_name=CAREGIVER, reach=own, answer=409, refused=200, body=item),
        Row(roles=WRITE, reach=tied("SELF", "WRITER", of={"PAIN"}), query=PATIENTS, answer=409, crossed=200,
            body=item, asked_unnamed=False),
    ),
    "DELETE api/v1/records/<uuid:record_id>": (
        Row(roles=PATIENT, must_name=CAREGIVER, reach=own),
        Row(roles=WRITE, reach=tied("SELF", "WRITER", of={"PAIN"}), query=PATIENTS,
            answer_of={"CAREGIVER": 409}, asked_unnamed=False),
    ),
    "GET api/v1/records/<uuid:record_id>/history": Row(
        roles=READ, reach=tied(*WHOEVER, of={"PAIN"}), query=PATIENTS
    ),
    "GET api/v1/measures": Row(),
    "GET api/v1/medications": Row(),
    "GET api/v1/instruments": Row(),
    "GET api/v1/instruments/<code:instrument>/<code:version>": Row(),
    "GET api/v1/instruments/<code:instrument>/<code:version>/fhir": Row(),
    "GET api/v1/observations": (
        Row(roles=READ, reach=tied(*WHOEVER, of={"PAIN"}), query=PATIENTS,
            fixed={"measure": "pain.intensity"}),
        Row(roles=READ, reach=tied(*WHOEVER, of={"MOOD"}), query=PATIENTS, fixed={"measure": "daily.mood"}),
    ),
    "GET api/v1/observations/daily": Row(
        roles=READ, reach=tied(*WHOEVER, of={"PAIN"}), query=PATIENTS, fixed={"measure": "pain.intensity"}
    ),
    "GET api/v1/summaries": Row(
        roles=READ, reach=tied(*WHOEVER, of=ANY_CATEGORY), query=PATIENTS
    ),
    "GET api/v1/summaries/<uuid:summary_id>": Row(roles=READ, reach=tied(*WHOEVER, of=LOGGED)),
    "GET api/v1/alerts": Row(roles=TREAT),
    # That an answer needs attention is told whatever is shared.
    "GET api/v1/alerts/<uuid:alert_id>/answers": Row(roles=TREAT, reach=tied("TEAM", "BREAK_GLASS")),
    "POST api/v1/alerts/<uuid:alert_id>/acknowledge": Row(
        roles=TREAT, reach=tied("TEAM", "BREAK_GLASS"), fixed={"answers": "1", "base_version": "1"}
    ),
    "GET api/v1/check-ins": Row(roles=READ, reach=tied(*WHOEVER, of={"VISITS"}), query=PATIENTS),
    # In an emergency nothing is planned.
    "POST api/v1/check-ins": Row(roles=TREAT, reach=tied("TEAM", of={"VISITS"}), answer=201, body=check_in),
    "GET api/v1/sessions": Row(roles=READ, reach=tied(*WHOEVER, of={"TREATMENT"}), query=PATIENTS),
    "POST api/v1/sessions": Row(
        roles=TREAT, reach=tied("TEAM", of={"TREATMENT"}), answer=201, body=session_plan
    ),
    "GET api/v1/sessions/<uuid:session_id>": Row(
        roles=READ, reach=tied(*WHOEVER, of={"TREATMENT"})
    ),
    # Of a session at home the patient enters, too.
    "POST api/v1/sessions/<uuid:session_id>/events": Row(
        roles=TREAT | PATIENT, reach=tied("SELF", "TEAM", of={"TREATMENT"}), body=session_events
    ),
    "GET api/v1/monitoring-limits": Row(roles=TREAT),
    "PUT api/v1/monitoring-limits": Row(roles=frozenset({"CLINICIAN"}), body=monitoring_limits),
    "DELETE api/v1/check-ins/<uuid:check_in_id>": Row(
        roles=TREAT, reach=tied("TEAM", of={"VISITS"}), answer=204
    ),
}  # fmt: skip

PAGES: Mapping[str, Row | tuple[Row, ...]] = {
    # Of the privacy officer: on to the emergency log.
    "GET ": (Row(roles=ALL - {"PRIVACY_OFFICER"}, others=302),),
    "GET sessions/": Row(),
    "POST sessions/<uuid:reference>/end/": Row(reach=own, answer=302),
    "GET patients/invite/": Row(roles=TREAT | {"ADMINISTRATOR"}),
    "POST patients/invite/": Row(roles=TREAT | {"ADMINISTRATOR"}, answer=422, body=unfinished),
    "POST patients/invite/<uuid:patient_id>/": Row(roles=TREAT | {"ADMINISTRATOR"}, reach=may_invite),
    "GET roles/": Row(),
    "POST roles/<uuid:role_id>/": Row(reach=own, answer=302),
    "GET staff/approvals/": Row(roles=APPROVERS),
    "POST staff/approvals/<uuid:invitation_id>/approve/": Row(
        roles=APPROVERS, reach=is_second_person, answer=302
    ),
    "POST staff/approvals/<uuid:invitation_id>/refuse/": Row(
        roles=APPROVERS, reach=is_second_person, answer=302
    ),
    "GET staff/": Row(roles=frozenset({"ADMINISTRATOR"})),
    "POST staff/": Row(roles=frozenset({"ADMINISTRATOR"}), answer=422, body=unfinished),
    "POST staff/<uuid:member_id>/switch-off/": Row(
        roles=frozenset({"ADMINISTRATOR"}), reach=at_clinic("ben", "cleo", "dan", "hal", "gil", "olga", "otto",
                                                            "ivo", "kim"), answer=302,
    ),
    "POST staff/<uuid:member_id>/forget-second-factor/": Row(
        roles=frozenset({"ADMINISTRATOR"}), reach=at_clinic("ben", "cleo", "dan", "hal", "gil", "olga", "otto",
                                                            "ivo", "kim"), answer=302,
    ),
    "GET on-call/": Row(roles=frozenset({"ADMINISTRATOR"})),
    "POST on-call/fallback-contact/": Row(roles=frozenset({"ADMINISTRATOR"}), answer=422, body=unfinished),
    "POST on-call/duty-periods/": Row(roles=frozenset({"ADMINISTRATOR"}), answer=422, body=unfinished),
    "POST on-call/duty-periods/<int:period_id>/end/": Row(
        roles=frozenset({"ADMINISTRATOR"}), reach=at_clinic("ben", "cleo", "dan", "hal", "gil", "olga", "otto",
                                                            "ivo", "kim", "eve"), answer=302,
    ),
    "GET emergency/": Row(roles=frozenset({"CLINICIAN"})),
    "POST emergency/": Row(
        roles=frozenset({"CLINICIAN"}), reach=at_clinic("ada", "nan", "deb", "bea"), answer=302, refused=422,
        body=break_glass,
    ),
    "POST emergency/end/": Row(roles=frozenset({"CLINICIAN"}), answer=302),
    "GET emergency/log/": Row(roles=frozenset({"PRIVACY_OFFICER"})),
    "GET alerts/": Row(roles=TREAT),
    "GET alerts/<uuid:alert_id>/answers/": Row(roles=TREAT, reach=tied("TEAM", "BREAK_GLASS")),
    "POST alerts/<uuid:alert_id>/acknowledge/": Row(roles=TREAT, reach=tied("TEAM", "BREAK_GLASS"), answer=302),
    "GET patients/<uuid:patient_id>/": Row(roles=TREAT, reach=tied("TEAM", "BREAK_GLASS")),
    "GET patients/discharged/": Row(roles=TREAT),
    # In an emergency nothing is recorded, and nobody is discharged.
    "POST patients/<uuid:patient_id>/treatment-sessions/": Row(
        roles=TREAT, reach=tied("TEAM", of={"TREATMENT"}), answer=302, body=session_form
    ),
    "POST patients/<uuid:patient_id>/discharge/": Row(roles=TREAT, reach=tied("TEAM"), answer=302),
    "POST patients/<uuid:patient_id>/readmit/": Row(roles=TREAT, reach=tied("TEAM"), answer=302),
    "POST patients/<uuid:patient_id>/sign-in/disable/": Row(roles=TREAT, reach=tied("TEAM"), answer=302),
    "POST patients/<uuid:patient_id>/sign-in/recover/": Row(roles=TREAT, reach=nobody),
    "GET patients/<uuid:patient_id>/sessions/": Row(
        roles=TREAT, reach=tied("TEAM", "BREAK_GLASS", of={"TREATMENT"})
    ),
    "POST patients/<uuid:patient_id>/sessions/plan/": Row(
        roles=TREAT, reach=tied("TEAM", of={"TREATMENT"}), answer=302, body=plan_form
    ),
    "GET patients/<uuid:patient_id>/sessions/<uuid:session_id>/": Row(
        roles=TREAT, reach=tied("TEAM", "BREAK_GLASS", of={"TREATMENT"})
    ),
    "GET patients/<uuid:patient_id>/sessions/<uuid:session_id>/live/": Row(
        roles=TREAT, reach=tied("TEAM", "BREAK_GLASS", of={"TREATMENT"})
    ),
    "POST patients/<uuid:patient_id>/sessions/<uuid:session_id>/events/": Row(
        roles=TREAT, reach=tied("TEAM", of={"TREATMENT"}), answer=302, body=event_form
    ),
    # Theirs is no session of esketamine: there is no form of it.
    "GET patients/<uuid:patient_id>/sessions/<uuid:session_id>/esketamine-form/": Row(
        roles=TREAT, reach=nobody
    ),
    "GET monitoring-limits/": Row(roles=TREAT),
    "POST monitoring-limits/": (
        Row(roles=frozenset({"CLINICIAN"}), answer=302, body=limits_form),
    ),
    "POST patients/<uuid:patient_id>/check-ins/": Row(
        roles=TREAT, reach=tied("TEAM", of={"VISITS"}), answer=302, body=check_in_form
    ),
    "POST patients/<uuid:patient_id>/check-ins/<uuid:check_in_id>/cancel/": Row(
        roles=TREAT, reach=tied("TEAM", of={"VISITS"}), answer=302
    ),
}  # fmt: skip
