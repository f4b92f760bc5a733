"""Assessment: what becomes of a patient's alerts as findings come in. Nothing is read or written here."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID, uuid4

from tracker.alerts import escalation
from tracker.alerts.escalation import Finding
from tracker.alerts.models import Alert

# So many versions of an answer an alert knows again; an older one that is sent again is raised again.
MOST_VERSIONS = 100

# A rule, and the record that holds the answer.
Answer = tuple[str, UUID]


def worst_by_answer(
    findings: Sequence[Finding],
) -> tuple[dict[Answer, Finding], Mapping[Answer, Sequence[str]]]:
    """
    One finding per rule and answer, the worst, and the versions of all of them.

    What could be stored goes before what could not.
    """
    worst: dict[Answer, Finding] = {}
    versions: dict[Answer, list[str]] = defaultdict(list)
    for finding in sorted(findings, key=lambda finding: (finding.value or 0, finding.stored)):
        worst[finding.rule, finding.source_id] = finding
        versions[finding.rule, finding.source_id].append(finding.version)
    return worst, versions


class Assessment:
    """
    The alerts of a patient that are known, with what findings change in them, and the new ones.

    ``to_notify`` are those that people are asked to look at, ``reopened`` those that were acknowledged before.
    """

    def __init__(self, known: Sequence[Alert], at: datetime, reported_by: UUID | None = None) -> None:
        self.at, self.reported_by = at, reported_by
        self.known = known
        self.by_answer = {(alert.rule, alert.source_id): alert for alert in known}
        self.open = {alert.rule: alert for alert in known if _is_open(alert) and alert.leader_id is None}
        self.new: list[Alert] = []
        self.to_notify: dict[UUID, Alert] = {}
        self.reopened: list[UUID] = []

    def raise_new(self, clinic_id: UUID, patient_id: UUID, finding: Finding, versions: Sequence[str]) -> None:
        """Let a new answer lead an alert of its own, or join the open one."""
        alert = _new_alert(clinic_id, patient_id, finding, self.at)
        alert.reported_by_id = self.reported_by
        _add_versions(alert, versions)
        self._place(alert, finding)
        self.new.append(alert)

    def merge(self, alert: Alert, finding: Finding, versions: Sequence[str]) -> None:
        """Take a finding into the alert of the same answer; raise it again for another version or a worse value."""
        is_worse, is_news = _merge_finding(alert, finding), _add_versions(alert, versions)
        if is_worse or is_news:
            alert.reported_by_id = self.reported_by
            self._raise_again(alert, finding)

    def _raise_again(self, alert: Alert, finding: Finding) -> None:
        """An open alert holds its answer still, one that was acknowledged does not."""
        is_late = escalation.is_historical(finding, self.at)
        # Never back to a former number: a page that shows the alert as it was acknowledges it no more.
        alert.version += 1
        if not (_is_open(alert) and is_late) or alert.is_historical:
            alert.answered_at, alert.answered_on = finding.answered_at, finding.answered_on
        if _is_open(alert):
            leader = self.open[alert.rule]
            if leader is not alert:
                leader.version += 1
            self._update_leader(leader, finding)
            alert.is_historical = alert.is_historical and is_late
        else:
            alert.acknowledged_at = alert.acknowledged_by = None
            alert.raise_count += 1
            # It is as one that has just come in: its steps begin anew.
            alert.level, alert.is_historical = finding.level, is_late
            alert.raised_at = alert.escalation_began_at = self.at
            alert.escalation_step = 0
            self.reopened.append(alert.pk)
            self._place(alert, finding)

    def _place(self, alert: Alert, finding: Finding) -> None:
        leader = self.open.get(alert.rule)
        if leader is None:
            self._lead(alert)
        else:
            leader.answer_count += 1
            alert.leader_id, alert.place = leader.pk, leader.answer_count
            self._update_leader(leader, finding)

    def _lead(self, alert: Alert) -> None:
        alert.leader_id, alert.place, alert.answer_count, alert.escalation_step = None, 1, 1, 0
        alert.newest_answered_at, alert.newest_raised_at = alert.answered_at, self.at
        alert.raised_at = alert.notified_at = alert.escalation_began_at = self.at
        self.open[alert.rule] = self.to_notify[alert.pk] = alert

    def _update_leader(self, leader: Alert, finding: Finding) -> None:
        is_late = escalation.is_historical(finding, self.at)
        is_first_current = leader.is_historical and not is_late
        if leader.is_historical or not is_late:
            # An answer of long ago does not stand for those of now.
            leader.newest_answered_at, leader.newest_raised_at = finding.answered_at, self.at
            leader.is_historical = is_late
        is_graver = escalation.is_graver(finding.level, leader.level)
        if is_first_current:
            # It is asked about as one that has just come in, whatever steps those of long ago have had.
            leader.escalation_began_at, leader.escalation_step = self.at, 0
        if is_graver:
            leader.level = finding.level
        if is_graver or is_first_current or self.at - leader.notified_at >= escalation.NOTIFY_AGAIN_AFTER:
            leader.notified_at, leader.raise_count = self.at, leader.raise_count + 1
            self.to_notify[leader.pk] = leader


def _is_open(alert: Alert) -> bool:
    return alert.acknowledged_at is None


def _new_alert(clinic_id: UUID, patient_id: UUID, finding: Finding, at: datetime) -> Alert:
    """Return the alert of a finding, not yet stored."""
    return Alert(
        id=uuid4(),
        clinic_id=clinic_id,
        patient_id=patient_id,
        rule=finding.rule,
        rule_version=finding.rule_version,
        level=finding.level,
        source_kind=finding.source_kind,
        source_id=finding.source_id,
        value=finding.value,
        answer_stored=finding.stored,
        is_historical=escalation.is_historical(finding, at),
        answered_at=finding.answered_at,
        answered_on=finding.answered_on,
        raised_at=at,
        newest_answered_at=finding.answered_at,
        newest_raised_at=at,
        notified_at=at,
        escalation_began_at=at,
    )


def _merge_finding(alert: Alert, finding: Finding) -> bool:
    """Take a further version of an answer into its alert; return whether it is worse."""
    is_worse = (finding.value or 0) > (alert.value or 0)
    if finding.stored:
        alert.answer_stored, alert.source_kind = True, finding.source_kind
    if is_worse:
        alert.rule_version, alert.value = finding.rule_version, finding.value
    return is_worse


def _add_versions(alert: Alert, versions: Iterable[str]) -> bool:
    """Note the versions of an answer in its alert; return whether it did not know one of them."""
    known = alert.versions.split()
    news = [version for version in dict.fromkeys(versions) if version and version not in known]
    alert.versions = " ".join([*known, *news][-MOST_VERSIONS:])
    return bool(news)
