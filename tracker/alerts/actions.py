"""Raising alerts with their messages, acknowledging them, and asking again when nobody has."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F, Q

from tracker.access.principal import Principal
from tracker.alerts import escalation
from tracker.alerts.escalation import Finding
from tracker.alerts.models import Alert
from tracker.audit import actions as audit
from tracker.clinics import patient_lock, responders
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Clinic, StaffMember
from tracker.lib import bulk, rls
from tracker.outbox import actions as outbox
from tracker.records import change_counter

__all__ = ["AlreadyAcknowledgedError", "Finding", "acknowledge", "assess", "escalate_overdue"]


# So many answers that could not be stored may join one alert with a row each; the last row stands for those beyond.
MOST_UNSTORED = 1_000
# So many versions of an answer an alert knows again; an older one that is sent again is raised again.
MOST_VERSIONS = 100


class _New(NamedTuple):
    id: UUID
    clinic_id: UUID
    patient_id: UUID
    rule: str
    rule_version: int
    level: str
    source_kind: str
    source_id: UUID
    value: float | None
    raise_count: int
    leader_id: UUID | None
    place: int
    answer_count: int
    newest_answered_at: datetime
    newest_raised_at: datetime
    notified_at: datetime
    versions: str
    answer_stored: bool
    is_historical: bool
    answered_at: datetime
    answered_on: date
    raised_at: datetime
    escalation_step: int


class _NextVersion(NamedTuple):
    id: UUID
    rule_version: int
    level: str
    source_kind: str
    source_id: UUID
    value: float | None
    raise_count: int
    leader_id: UUID | None
    place: int
    answer_count: int
    newest_answered_at: datetime
    newest_raised_at: datetime
    notified_at: datetime
    versions: str
    answer_stored: bool
    is_historical: bool
    answered_at: datetime
    answered_on: date
    raised_at: datetime
    escalation_step: int
    acknowledged_at: datetime | None
    acknowledged_by_id: UUID | None


class AlreadyAcknowledgedError(Exception):
    """A colleague was first."""

    def __init__(self, by_name: str, at: datetime) -> None:
        super().__init__("already acknowledged")
        self.by_name = by_name
        self.at = at


def assess(*, clinic_id: UUID, patient_id: UUID, findings: Sequence[Finding], at: datetime) -> bool:
    """
    Write an alert for each finding that is new, and messages; return whether there was any finding.

    An answer joins the open alert of its rule, if there is one: people are told anew if it is graver, if it is the
    first current one, or 10 minutes after they were told last. Another version of an answer that alerted before is
    raised again, also when it was acknowledged; the same version again is a replay and adds nothing. Runs in the
    transaction of the answer and under the patient's lock: if the alert cannot be written, the answer is not stored.
    The number of statements does not grow with the number of findings.
    """
    worst, versions = _worst_by_answer(findings)
    if not worst:
        return False
    known = _known(patient_id, worst)
    assessment = _Assessment(known, at)
    for answer, found in worst.items():
        alert = assessment.by_answer.get(answer)
        if alert is None:
            alert = _of(clinic_id, patient_id, found, at)
            assessment.add(alert, found)
            _remember(alert, versions[answer])
        elif _merge_finding(alert, found) | _remember(alert, versions[answer]):
            assessment.raise_again(alert, found)
    _save(assessment, known)
    if assessment.reopened:
        # Who had acknowledged them stands in the audit, and nowhere else from now on.
        audit.record_event(
            actor="system", action="alert.reopen", subject="alerts", clinic_id=clinic_id, patient_id=patient_id,
            ids=assessment.reopened, at=at,
        )  # fmt: skip
    if assessment.told:
        _notify(list(assessment.told.values()), responders.alert_responders(patient_id, at), at=at)
    return True


def _known(patient_id: UUID, worst: Mapping[tuple[str, UUID], Finding]) -> list[Alert]:
    """
    The alerts of these answers, and the open ones that new answers join.

    Who acknowledges one at this moment is first: what is written back knows of it.
    """
    rules, sources = ({key[place] for key in worst} for place in (0, 1))
    same_answer = Q(source_id__in=sources)
    can_be_joined = Q(rule__in=rules, acknowledged_at__isnull=True, leader__isnull=True)
    rows = Alert.objects.filter(same_answer | can_be_joined, patient_id=patient_id)
    return list(rows.select_for_update().order_by("id"))


class _Assessment:
    """What becomes of a patient's alerts as findings come in; nothing is written here."""

    def __init__(self, known: Sequence[Alert], at: datetime) -> None:
        self.at = at
        self.by_answer = {(alert.rule, alert.source_id): alert for alert in known}
        self.open = {alert.rule: alert for alert in known if _is_open(alert) and alert.leader_id is None}
        self.new: list[Alert] = []
        self.told: dict[UUID, Alert] = {}
        self.reopened: list[UUID] = []

    def add(self, alert: Alert, found: Finding) -> None:
        """Let a new answer lead an alert of its own, or join the open one."""
        self._place(alert, found)
        self.new.append(alert)

    def raise_again(self, alert: Alert, found: Finding) -> None:
        """An answer has another version: an open alert holds it still, one that was acknowledged does not."""
        is_late = escalation.is_historical(found, self.at)
        if not (_is_open(alert) and is_late) or alert.is_historical:
            alert.answered_at, alert.answered_on = found.answered_at, found.answered_on
        if _is_open(alert):
            self._take_in(self.open[alert.rule], found)
            alert.is_historical = alert.is_historical and is_late
        else:
            alert.acknowledged_at = alert.acknowledged_by = None
            alert.raise_count += 1
            # It is as one that has just come in: its steps begin anew.
            alert.level, alert.is_historical = found.level, is_late
            alert.raised_at, alert.escalation_step = self.at, 0
            self.reopened.append(alert.pk)
            self._place(alert, found)

    def _place(self, alert: Alert, found: Finding) -> None:
        leader = self.open.get(alert.rule)
        if leader is None:
            self._lead(alert)
        else:
            leader.answer_count += 1
            alert.leader_id, alert.place = leader.pk, leader.answer_count
            self._take_in(leader, found)

    def _lead(self, alert: Alert) -> None:
        alert.leader_id, alert.place, alert.answer_count, alert.escalation_step = None, 1, 1, 0
        alert.newest_answered_at, alert.newest_raised_at = alert.answered_at, self.at
        alert.raised_at = alert.notified_at = self.at
        self.open[alert.rule] = self.told[alert.pk] = alert

    def _take_in(self, leader: Alert, found: Finding) -> None:
        is_late = escalation.is_historical(found, self.at)
        is_first_current = leader.is_historical and not is_late
        if leader.is_historical or not is_late:
            # An answer of long ago does not stand for those of now.
            leader.newest_answered_at, leader.newest_raised_at = found.answered_at, self.at
            leader.is_historical = is_late
        is_graver = escalation.is_graver(found.level, leader.level)
        if is_graver:
            leader.level = found.level
        if is_graver or is_first_current or self.at - leader.notified_at >= escalation.TOLD_EVERY:
            leader.notified_at, leader.raise_count = self.at, leader.raise_count + 1
            self.told[leader.pk] = leader


def _is_open(alert: Alert) -> bool:
    return alert.acknowledged_at is None


def _save(assessment: _Assessment, known: Sequence[Alert]) -> None:
    """Write the new rows and those that were known. What has joined too many is put into the last row."""
    crowded = [alert for alert in assessment.new if alert.place > MOST_UNSTORED and not alert.answer_stored]
    new = [alert for alert in assessment.new if alert not in crowded]
    # An acknowledged alert makes room before another one takes its place.
    bulk.insert(Alert, [_New(**_columns(alert, _New._fields)) for alert in new])
    bulk.update(Alert, [_NextVersion(**_columns(alert, _NextVersion._fields)) for alert in known], key=["id"])
    for newest in {alert.leader_id: alert for alert in crowded}.values():
        _replace_last(newest)


def _replace_last(alert: Alert) -> None:
    """Write ``alert`` in the place of the last one that joined the same alert and could not be stored either."""
    joined = Alert.objects.filter(leader_id=alert.leader_id, acknowledged_at=None, answer_stored=False)
    last = joined.order_by("-place").first()
    if last is None:
        bulk.insert(Alert, [_New(**_columns(alert, _New._fields))])
        return
    alert.pk = last.pk
    bulk.update(Alert, [_NextVersion(**_columns(alert, _NextVersion._fields))], key=["id"])


def _columns(alert: Alert, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(alert, name) for name in names}


_Answer = tuple[str, UUID]


def _worst_by_answer(
    findings: Sequence[Finding],
) -> tuple[dict[_Answer, Finding], Mapping[_Answer, Sequence[str]]]:
    """
    One finding per rule and answer, the worst, and the versions of all of them.

    What could be stored goes before what could not.
    """
    worst: dict[_Answer, Finding] = {}
    versions: dict[_Answer, list[str]] = defaultdict(list)
    for found in sorted(findings, key=lambda found: (found.value or 0, found.stored)):
        worst[found.rule, found.source_id] = found
        versions[found.rule, found.source_id].append(found.version)
    return worst, versions


def _of(clinic_id: UUID, patient_id: UUID, found: Finding, at: datetime) -> Alert:
    """Return the alert of a finding, not yet stored."""
    return Alert(
        id=uuid4(),
        clinic_id=clinic_id,
        patient_id=patient_id,
        rule=found.rule,
        rule_version=found.rule_version,
        level=found.level,
        source_kind=found.source_kind,
        source_id=found.source_id,
        value=found.value,
        answer_stored=found.stored,
        is_historical=escalation.is_historical(found, at),
        answered_at=found.answered_at,
        answered_on=found.answered_on,
        raised_at=at,
        newest_answered_at=found.answered_at,
        newest_raised_at=at,
        notified_at=at,
    )


def _merge_finding(alert: Alert, found: Finding) -> bool:
    """Take a further version of an answer into its alert; return whether it is worse."""
    worse = (found.value or 0) > (alert.value or 0)
    if found.stored:
        alert.answer_stored, alert.source_kind = True, found.source_kind
    if worse:
        alert.rule_version, alert.value = found.rule_version, found.value
    return worse


def _remember(alert: Alert, versions: Iterable[str]) -> bool:
    """Note the versions of an answer in its alert; return whether it did not know one of them."""
    known = alert.versions.split()
    news = [version for version in dict.fromkeys(versions) if version and version not in known]
    alert.versions = " ".join([*known, *news][-MOST_VERSIONS:])
    return bool(news)


def _notify(alerts: Sequence[Alert], recipients: Sequence[UUID], *, at: datetime, step: int = 0) -> None:
    """Ask ``recipients`` to look at ``alerts``, which are of one patient."""
    outbox.enqueue_many(
        clinic_id=alerts[0].clinic_id,
        recipients=recipients,
        words="alert",
        keys={f"alert/{alert.pk}": f"alert/{alert.pk}/{alert.raise_count}/{step}" for alert in alerts},
        due_at=at,
        patient_id=alerts[0].patient_id,
        urgent=True,
    )


def patient_of(*, alert_id: UUID, principal: Principal) -> UUID:
    """
    Return whom an alert is about.

    :raises NotFoundOrHidden: if there is no such alert for this principal.
    """
    alert = Alert.objects.filter(pk=alert_id, patient_id__in=principal.patients).first()
    if alert is None:
        raise NotFoundOrHidden
    return alert.patient_id


def acknowledge(
    *, alert_id: UUID, principal: Principal, at: datetime, answers: int | None = None
) -> Alert | None:
    """
    Note that ``principal`` has seen the alert and takes it from here, with the answers that have joined it.

    ``answers`` is the number of answers that they were shown: what has joined since stays open, as an alert of its
    own, which is returned. None means all.

    :raises AlreadyAcknowledgedError: if a colleague was first.
    :raises NotFoundOrHidden: if there is no such alert for this principal.
    """
    own = Alert.objects.filter(pk=alert_id, leader=None, patient_id__in=principal.patients)
    patient_id = own.values_list("patient_id", flat=True).first()
    if patient_id is None:
        raise NotFoundOrHidden
    # No answer arrives between what is read here and what is written.
    with rls.as_clinic(principal.clinic_id):
        change_counter.lock(patient_id)
    alert = own.select_for_update(of=("self",)).get()
    if alert.acknowledged_at is not None:
        first = StaffMember.objects.filter(user=alert.acknowledged_by).first()
        raise AlreadyAcknowledgedError(first.name if first else "a colleague", alert.acknowledged_at)
    later = _acknowledge_shown(alert, answers or alert.answer_count, principal, at)
    # Of two who take on a patient's last two alerts at once the second sees that none is left.
    patient_lock.lock(alert.clinic_id, alert.patient_id)
    if not Alert.objects.open().filter(patient_id=alert.patient_id).exists():
        responders.close_to_team(alert.clinic_id, alert.patient_id)
    audit.record_event(
        actor=principal.actor,
        action="alert.acknowledge",
        subject=str(alert),
        clinic_id=alert.clinic_id,
        patient_id=alert.patient_id,
        at=at,
    )
    return later


def _acknowledge_shown(alert: Alert, answers: int, principal: Principal, at: datetime) -> Alert | None:
    """Acknowledge an alert with its first ``answers`` answers; return the alert of those that are left."""
    joined = Alert.objects.filter(leader=alert, acknowledged_at=None)
    left = joined.filter(place__gt=answers).order_by("place").first()
    shown = Alert.objects.filter(pk=alert.pk) | joined.filter(place__lte=answers)
    shown.update(acknowledged_at=at, acknowledged_by_id=principal.user_id)
    if left is None:
        return None
    moved = left.place - 1
    rest = Alert.objects.filter(leader=alert, acknowledged_at=None)
    # The newest, but none of long ago where there is one of now.
    newest = rest.order_by("is_historical", "-place")[0]
    Alert.objects.filter(pk=left.pk).update(
        leader=None,
        place=1,
        raise_count=left.raise_count + 1,
        answer_count=alert.answer_count - moved,
        is_historical=newest.is_historical,
        newest_answered_at=newest.answered_at,
        newest_raised_at=newest.raised_at,
        notified_at=at,
    )
    rest.update(leader=left, place=F("place") - moved)
    left.refresh_from_db()
    _notify([left], responders.alert_responders(left.patient_id, at), at=at)
    return left


def notify_responders_again(*, clinic_id: UUID, at: datetime) -> None:
    """
    Tell whoever answers now about the clinic's open alerts: somebody who did has been switched off.

    Who was told at this step is not told again.
    """
    with rls.as_clinic(clinic_id):
        for alert in Alert.objects.open().filter(clinic_id=clinic_id).order_by("raised_at", "id"):
            _notify(
                [alert], responders.alert_responders(alert.patient_id, at), at=at, step=alert.escalation_step
            )


def escalate_overdue(*, at: datetime) -> int:
    """Ask again, step by step, about alerts that nobody has acknowledged; return how many steps were taken."""
    return sum(_escalate_clinic(clinic_id, at) for clinic_id in Clinic.objects.values_list("pk", flat=True))


@transaction.atomic
def _escalate_clinic(clinic_id: UUID, at: datetime) -> int:
    taken = 0
    with rls.as_clinic(clinic_id):
        soonest = at - timedelta(minutes=15)
        waiting = Alert.objects.open().filter(clinic_id=clinic_id, raised_at__lte=soonest)
        for alert in waiting.select_for_update(skip_locked=True).order_by("raised_at", "id"):
            taken += _escalate(alert, at)
    return taken


def _escalate(alert: Alert, at: datetime) -> int:
    """Take the latest step that is due; after a standstill the missed ones are not sent one by one."""
    step = alert.escalation_step
    while escalation.step_due_at(alert.raised_at, step) <= at:
        step += 1
    if step == alert.escalation_step:
        return 0
    wide = escalation.notifies_whole_clinic(step)
    people = (
        responders.clinic_responders(alert.clinic_id)
        if wide
        else responders.alert_responders(alert.patient_id, at)
    )
    if wide:
        responders.open_to_whole_clinic(alert.patient_id, at)
    _notify([alert], people, step=step, at=at)
    Alert.objects.filter(pk=alert.pk).update(escalation_step=step)
    return 1
