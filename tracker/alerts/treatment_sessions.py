"""Alerts of treatment sessions: what is entered at home, where nobody looks on; and a session that nobody closes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction

from tracker.access.principal import Principal
from tracker.alerts import actions as alerts
from tracker.alerts.escalation import Finding
from tracker.clinics.models import Clinic, Patient
from tracker.instruments import alert_rules, catalogue
from tracker.instruments.alert_rules import AlertRule
from tracker.lib import encryption, rls
from tracker.records import change_counter
from tracker.records.kinds import side_effects
from tracker.treatment import actions, events, flags, limit_settings
from tracker.treatment.actions import Outcome
from tracker.treatment.flags import Flag
from tracker.treatment.limits import Limits
from tracker.treatment.models import TreatmentSession
from tracker.treatment.session_state import SessionState, State

SOURCE = "treatment_session"


def _not_by_answer(_: object) -> None:
    """These rules look at a session as a whole, not at one record as it was sent."""


NOT_CLOSED = AlertRule(
    "session_not_closed", 1, "urgent", "A session at home was not closed in time", _not_by_answer
)
VITAL_SIGNS = AlertRule(
    "session_vital_signs",
    1,
    "emergency",
    "Vital signs beyond the limits in a session at home",
    _not_by_answer,
)
RULES = (NOT_CLOSED, VITAL_SIGNS)
_GRAVE_SIGNS = frozenset({Flag.PRESSURE_CRISIS, Flag.OXYGEN_VERY_LOW, Flag.RESPIRATORY_RATE_LOW})


@transaction.atomic
def record_events(
    *,
    principal: Principal,
    session_id: UUID,
    patient: Patient,
    sent: Sequence[events.Event],
    sent_at: datetime,
    at: datetime,
    unread: Sequence[Finding] = (),
) -> tuple[TreatmentSession, SessionState, list[Outcome], bool]:
    """
    Take in events of a session (``treatment.actions.add_events``) and raise the alerts that they ask for, or neither.

    Whatever became of an event, what it says is looked at: of the patient's own events each, of those of staff an
    adverse event that is an answer about self-harm. The same event again in the same session raises no alert again;
    other content under its id does, and so does its id in another session. ``unread`` was found in what is no event.
    The last value says whether anything was found.

    :raises NotFoundOrHidden: if the patient has no such session.
    """
    session, state, outcomes = actions.add_events(
        principal=principal, session_id=session_id, patient=patient, sent=sent, sent_at=sent_at, at=at
    )
    clinic = limit_settings.of_clinic(patient.clinic_id)
    # By place and not by id: of several events with one id each is looked at.
    findings = [
        finding
        for event, outcome in zip(sent, outcomes, strict=True)
        for finding in _findings(
            session, event, clinic, is_patient=principal.is_patient, stored=outcome.refusal is None
        )
    ]
    findings += [replace(finding, version=_version(session, finding.version.encode())) for finding in unread]
    with rls.as_patient(patient.clinic_id, patient.pk):
        found = alerts.assess(clinic_id=patient.clinic_id, patient_id=patient.pk, findings=findings, at=at)
    return session, state, outcomes, found


def _findings(
    session: TreatmentSession, event: events.Event, clinic: Limits, *, is_patient: bool, stored: bool
) -> Iterator[Finding]:
    met: list[tuple[AlertRule, float]] = []
    if isinstance(event, events.AdverseEventEvent):
        found = [*alert_rules.met(catalogue.latest(side_effects.INSTRUMENT), {event.effect: event.severity})]
        # Staff are beside the patient: of what they enter only an answer about self-harm goes on to the team.
        met += [
            (rule, float(value)) for rule, value in found if is_patient or event.effect == "suicidal_thoughts"
        ]
    if (
        is_patient
        and isinstance(event, events.VitalSignsEvent)
        and _GRAVE_SIGNS & {*flags.sign_flags(event, clinic)}
    ):
        met.append((VITAL_SIGNS, float(event.systolic or event.spo2 or event.respiratory_rate or 0)))
    version = _version(session, actions.fingerprint(event)) if met else ""
    for rule, value in met:
        yield Finding(
            rule=rule.id, level=rule.level.upper(), source_kind=SOURCE, source_id=event.id, answered_at=event.at,
            answered_on=session.local_date, value=value, stored=stored, rule_version=rule.version, version=version,
        )  # fmt: skip


def _version(session: TreatmentSession, content: bytes) -> str:
    """What is the same for the same content in the same session: an id may come again in another one."""
    return encryption.keyed_hash(settings.LOOKUP_KEY, session.pk.bytes + content)[:8].hex()


def raise_unclosed(*, at: datetime) -> int:
    """Raise an alert for each session at home that nobody has closed in time; return how many there are."""
    return sum(_unclosed_of(clinic_id, at) for clinic_id in Clinic.objects.values_list("pk", flat=True))


@transaction.atomic
def _unclosed_of(clinic_id: UUID, at: datetime) -> int:
    with rls.as_clinic(clinic_id):
        rows = TreatmentSession.objects.filter(
            clinic_id=clinic_id, state=State.RUNNING, setting=events.Setting.HOME, close_due_at__lte=at
        )
        late = list(rows.order_by("close_due_at", "id"))
    for session in late:
        with rls.as_patient(clinic_id, session.patient_id):
            change_counter.advance(clinic_id, session.patient_id, 0)
            assert session.close_due_at is not None
            finding = Finding(
                rule=NOT_CLOSED.id, level=NOT_CLOSED.level.upper(), source_kind=SOURCE, source_id=session.pk,
                answered_at=session.close_due_at, answered_on=session.local_date, rule_version=NOT_CLOSED.version,
                version=str(session.close_due_at),
            )  # fmt: skip
            alerts.assess(clinic_id=clinic_id, patient_id=session.patient_id, findings=[finding], at=at)
    return len(late)
