"""
A patient's page: alerts, the timeline, the newest summary, what was recorded, what is planned.

Six queries beside opening the chart itself, whatever the length of the record in the chosen range.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from tracker.access import consent_texts, policy, profile
from tracker.access.policy import Action, Category
from tracker.access.principal import Principal
from tracker.accounts import former_emails
from tracker.clinics.models import Patient
from tracker.dashboard import chart_text, charts, formatting, timeline_panels
from tracker.dashboard.chart_model import Frame, Mark
from tracker.dashboard.charts import Drawing
from tracker.dashboard.fragments import render_fragment
from tracker.dashboard.pages import alerts as alerts_page
from tracker.dashboard.pages import recent_entries as recent_entries_page
from tracker.dashboard.pages import summary as summary_page
from tracker.instruments.measures import Measure
from tracker.lib import days
from tracker.progress import summaries
from tracker.progress.summaries import Summary
from tracker.records import daily_statistics, measures
from tracker.records.models import MeasureState
from tracker.reminders.models import CheckIn

RANGES = {"4w": ("4 weeks", 28), "3m": ("3 months", 91), "all": ("All", None)}
DEFAULT_RANGE = "3m"
# A record that ended longer ago than this is drawn up to its end, and the page says so.
ENDED_DAYS = 28
# The list of medications is open: of more than these, the ones logged last are read.
MOST_DOSES = 20


@dataclass(frozen=True, slots=True)
class PlannedCheckIn:
    """A check-in that is still to come, at the patient's own time."""

    id: UUID
    when: str
    at: datetime
    minutes: int
    time_zone: str
    by: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The drawn timeline and the days it spans."""

    drawings: Sequence[tuple[Drawing, str]]
    left_out: Sequence[str]
    axis: str
    span: str
    ended: str
    marks: Sequence[tuple[str, str]]
    strip: str


@dataclass(frozen=True, slots=True)
class PatientPage:
    """All that a patient's page shows."""

    id: UUID
    name: str
    team: str
    time_zone: str
    local_time: str
    phone: str
    age: str
    enrolled: str
    last: str
    last_ago: str
    alerts: alerts_page.AlertBox
    range: str
    ranges: Sequence[tuple[str, str]]
    timeline: Timeline | None
    summary: summary_page.SummaryView | None
    summary_is_newest: bool
    weeks: Sequence[tuple[date, str]]
    newer: date | None
    older: date | None
    entries: Sequence[recent_entries_page.Entry]
    check_ins: Sequence[PlannedCheckIn]
    not_shared: str
    shares_visits: bool
    may_plan: bool
    may_discharge: bool
    discharged: str
    may_close_sign_in: bool
    sign_in_closed: bool
    sees_sessions: bool
    addresses: Sequence[tuple[datetime, str]]


def patient_page(
    principal: Principal, patient: Patient, *, chosen: str, week: date | None, at: datetime
) -> PatientPage:
    """Build the page with the timeline over ``chosen`` (one of ``RANGES``) and the summary of ``week``."""
    chosen = chosen if chosen in RANGES else DEFAULT_RANGE
    today = days.local_day(at, patient.time_zone)
    alerts = alerts_page.alert_box(principal, at, patient.pk)
    happened = recent_entries_page.recent_entries(patient.pk, today)
    tallies, drawn_to, more = _tallies(patient, RANGES[chosen][1], today)
    last_on = happened.last_on
    if week is None and last_on and _end(last_on, today) != today:
        # The weeks after the end of a record hold nothing; its last one does.
        week = days.week_start(last_on)
    weeks, summary = _summaries(patient.pk, week)
    position = weeks.index(summary.week_start) if summary else None
    figures = summary.figures if summary else None
    return PatientPage(
        id=patient.pk,
        name=patient.name,
        team=patient.care_team.name,
        time_zone=patient.time_zone,
        local_time=f"{days.local(at, patient.time_zone):%a %H:%M}",
        phone=profile.phone(patient.pk),
        age=_age(patient.birth_date, today),
        enrolled=formatting.day(patient.enrolled_on),
        last=formatting.day(last_on) if last_on else "none yet",
        last_ago=formatting.days_ago((today - last_on).days) if last_on else "",
        alerts=alerts,
        range=chosen,
        ranges=[(key, label) for key, (label, _) in RANGES.items()],
        timeline=_timeline(tallies, more, happened.marks, figures, chosen, drawn_to, today),
        summary=summary_page.read(figures) if figures else None,
        summary_is_newest=position == 0,
        weeks=[
            (on, f"{formatting.short_day(on)} to {formatting.day(on + timedelta(days=6))}") for on in weeks
        ],
        newer=weeks[position - 1] if position else None,
        older=weeks[position + 1] if position is not None and position + 1 < len(weeks) else None,
        entries=happened.entries,
        check_ins=_check_ins(patient.pk, at),
        not_shared=_not_shared(principal, patient.pk),
        shares_visits=principal.can_see(patient.pk, Category.VISITS),
        may_plan=_may(principal, patient.pk, Action.PLAN_CHECK_IN, Category.VISITS),
        may_discharge=_may(principal, patient.pk, Action.DISCHARGE_PATIENT),
        discharged=formatting.day(patient.discharged_on) if patient.discharged_on else "",
        may_close_sign_in=patient.user_id is not None
        and _may(principal, patient.pk, Action.DISABLE_PATIENT_ACCOUNT),
        sign_in_closed=patient.sign_in_disabled_at is not None,
        addresses=_addresses(patient, at),
        sees_sessions=_may(principal, patient.pk, Action.SEE_TREATMENT_SESSIONS, Category.TREATMENT),
    )


def _addresses(patient: Patient, at: datetime) -> list[tuple[datetime, str]]:
    """
    Return the addresses of a closed account within the last month, the oldest first: an instant of each, and a label.

    Empty if there was but one. No address itself is shown: patients know when they have changed theirs.
    """
    if patient.user_id is None or patient.sign_in_disabled_at is None:
        return []
    untils = former_emails.others_until(patient.user_id, at)
    labels = [f"until {formatting.moment(days.local(until, patient.time_zone))}" for until in untils]
    numbered = [f"{number}. {label}" for number, label in enumerate([*labels, "the one that it has now"], 1)]
    return list(zip([*untils, at], numbered, strict=True)) if untils else []


def _not_shared(principal: Principal, patient_id: UUID) -> str:
    """What the patient does not share with the principal, in words: what is not shown is not missing."""
    seen = principal.visible_categories(patient_id)
    return ", ".join(consent_texts.label(each).lower() for each in Category if each not in seen)


def _may(principal: Principal, patient_id: UUID, action: Action, category: Category | None = None) -> bool:
    relation = principal.relation_to(patient_id)
    return (
        relation is not None
        and (category is None or principal.can_see(patient_id, category))
        and policy.may(principal.role, relation, action, category)
    )


def _tallies(
    patient: Patient, range_days: int | None, today: date
) -> tuple[list[timeline_panels.Tally], date | None, int]:
    """
    Return what each measure came to on each day of the range, and the last day of the whole record.

    And how many medications are left out, beyond ``MOST_DOSES``.
    """
    kept = list(
        MeasureState.objects.filter(patient=patient)
        .order_by("-last_on", "measure")
        .values_list("measure", "last_on")
    )
    last_on = max((on for _, on in kept), default=None)
    if last_on is None:
        return [], None, 0
    drawable, more = timeline_panels.drawable(_known(code for code, _ in kept).values(), MOST_DOSES)
    # Six days more than are drawn, so that the first seven-day means have their days.
    after = _end(last_on, today) - timedelta(days=range_days + 6) if range_days else None
    rows = daily_statistics.tallies(patient, drawable, after)
    return [timeline_panels.Tally._make(row) for row in rows], last_on, more


def _known(codes: Iterable[str]) -> dict[str, Measure]:
    """The measures that the registry still has."""
    return {code: measure for code in codes if (measure := measures.find(code))}


def _end(last_on: date, today: date) -> date:
    """The last day that is drawn: today, unless the record ended long ago (or runs ahead of our clock)."""
    return today if timedelta() <= today - last_on <= timedelta(days=ENDED_DAYS) else last_on


def _timeline(
    tallies: Sequence[timeline_panels.Tally],
    more: int,
    marks: Sequence[Mark],
    figures: Mapping[str, Any] | None,
    chosen: str,
    last_on: date | None,
    today: date,
) -> Timeline | None:
    if last_on is None or not tallies:
        return None
    end = _end(last_on, today)
    range_days = RANGES[chosen][1]
    first = end - timedelta(days=range_days - 1) if range_days else min(tally.on for tally in tallies)
    frame = Frame(first, end, [mark for mark in marks if first <= mark.on <= end])
    baselines = summary_page.baselines(figures) if figures else {}
    known = _known({tally.measure for tally in tallies})
    found = timeline_panels.panels(tallies, baselines, known)
    panels, left_out = timeline_panels.fit(found)
    return Timeline(
        drawings=[
            (
                charts.draw(panel, frame, chart_text.described(panel, frame)),
                render_fragment("number_table", table=chart_text.table(panel, frame)),
            )
            for panel in panels
        ],
        left_out=[*left_out, formatting.count(more, "more medication")] if more else left_out,
        axis=charts.axis(frame),
        span=f"{formatting.day(first)} to {formatting.day(end)}",
        ended="" if end == today else formatting.days_ago((today - end).days),
        marks=[(formatting.day(mark.on), mark.label) for mark in frame.marks],
        strip=charts.strip(frame),
    )


def _summaries(patient_id: UUID, week: date | None) -> tuple[list[date], Summary | None]:
    """Return the weeks that have a summary, newest first, and the one to show: of ``week``, or the newest."""
    weeks = summaries.weeks(patient_id)
    shown_on = week or next(iter(weeks), None)
    return weeks, summaries.of_week(patient_id, shown_on) if shown_on in weeks else None


def _check_ins(patient_id: UUID, at: datetime) -> list[PlannedCheckIn]:
    rows = CheckIn.objects.upcoming(at).filter(patient=patient_id).order_by("starts_at", "id")
    return [
        PlannedCheckIn(
            id=row.pk,
            when=formatting.moment(days.local(row.starts_at, row.time_zone)),
            at=row.starts_at,
            minutes=row.minutes,
            time_zone=row.time_zone,
            by=row.staff_member.name,
        )
        for row in rows.select_related("staff_member")
    ]


def _age(birth_date: date | None, today: date) -> str:
    if birth_date is None:
        return ""
    had_birthday = (today.month, today.day) >= (birth_date.month, birth_date.day)
    return formatting.count(today.year - birth_date.year - (not had_birthday), "year")
