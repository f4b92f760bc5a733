"""A progress summary, put into words: figures in, what the page shows out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from tracker.dashboard import formatting
from tracker.dashboard.chart_model import Baseline
from tracker.records.kinds import KINDS

# The list of medications is open: of more than these in a week, the ones logged most are shown.
MOST_MEDICATIONS = 50
_BASIS = {
    "before_treatment": "the 14 days before the first session",
    "first_days": "the first 14 days of the measure",
}


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One measure: where it started, where it is, and what that means."""

    label: str
    unit: str
    baseline: str
    built: str
    now: str
    now_n: str
    arrow: str
    absolute: str
    percent: str
    word: str


@dataclass(frozen=True, slots=True)
class MedicationRow:
    """One medication in one week."""

    name: str
    taken: int
    skipped: int
    as_needed: int
    unknown: int
    dose: str


@dataclass(frozen=True, slots=True)
class SummaryView:
    """A week in words."""

    week_start: date
    heading: str
    is_running: bool
    through: str
    logged: str
    missed: str
    entries: str
    entered_late: int
    changes: Sequence[ChangeRow]
    basis: str
    medication: Sequence[MedicationRow]
    more_medication: str
    sessions: Sequence[str]
    alerts: int | None
    algorithm: str


def read(figures: Mapping[str, Any]) -> SummaryView:
    """Return the figures of a week (``progress.summaries``) as a page shows them."""
    week, logged = figures["week"], figures["logged"]
    medication, more = _most_logged(figures["medication"])
    starts_on, ends_on = date.fromisoformat(week["starts_on"]), date.fromisoformat(week["ends_on"])
    return SummaryView(
        week_start=starts_on,
        heading=f"{formatting.short_day(starts_on)} to {formatting.day(ends_on)}",
        is_running=not week["ended"],
        through=formatting.day(date.fromisoformat(week["through_on"])),
        logged=f"{logged['days_logged']} of {formatting.count(logged['days_expected'], 'day')}",
        missed=formatting.listed([date.fromisoformat(on) for on in logged["days_missed"]]),
        entries=", ".join(_entries(kind, n) for kind, n in sorted(logged["entries"].items()) if n),
        entered_late=logged["entered_late"],
        changes=[_change(measure) for measure in figures["measures"]],
        basis=_bases(figures["measures"]),
        medication=[_medication(item, logged["days_expected"]) for item in medication],
        more_medication=formatting.count(more, "more medication") if more else "",
        sessions=[_session(session) for session in figures["sessions"]],
        alerts=figures["alerts"]["raised"],
        algorithm=figures["algorithm"],
    )


def baselines(figures: Mapping[str, Any]) -> Mapping[str, Baseline]:
    """Return measure to baseline, for the chart."""
    found = {}
    for measure in figures["measures"]:
        held = measure["baseline"]
        if held:
            found[measure["measure"]] = Baseline(
                held["value"], date.fromisoformat(held["from"]), date.fromisoformat(held["to"])
            )
    return found


def _entries(name: str, n: int) -> str:
    """Return ``3 doses``."""
    kind = KINDS[name]
    return f"{n:,} {kind.noun if n == 1 else kind.plural}"


def _change(measure: Mapping[str, Any]) -> ChangeRow:
    baseline, now, change = measure["baseline"], measure["now"], measure["change"]
    return ChangeRow(
        label=measure["label"],
        unit=measure["unit"],
        baseline=formatting.number(baseline["value"]) if baseline else "none",
        built=_built(baseline) if baseline else "",
        now=formatting.number(now["value"]) if now else "too few",
        now_n=f"n {now['n']}{_by_caregiver(now)}" if now else "",
        arrow=formatting.arrow(change["word"], change["absolute"]) if change else "",
        absolute=formatting.signed(change["absolute"]) if change else "n/a",
        percent=f"{formatting.signed(change['percent'], 0)}\u00a0%"
        if change and change["percent"] is not None
        else "n/a",
        word=change["word"] if change else "not enough to say",
    )


def _built(baseline: Mapping[str, Any]) -> str:
    first, last = date.fromisoformat(baseline["from"]), date.fromisoformat(baseline["to"])
    span = (
        formatting.day(first) if first == last else f"{formatting.short_day(first)} to {formatting.day(last)}"
    )
    provisional = ", provisional" if baseline["provisional"] else ""
    return f"{span}, n {baseline['n']}{provisional}{_by_caregiver(baseline)}"


def _by_caregiver(value: Mapping[str, Any]) -> str:
    """Return ``, 2 by a caregiver`` where what a caregiver said stands for the patient."""
    return f", {value['by_caregiver']} by a caregiver" if value["by_caregiver"] else ""


def _bases(measures: Sequence[Mapping[str, Any]]) -> str:
    """Return how the baselines of a table were built, each way once."""
    codes = {m["baseline"]["basis"] for m in measures if m["baseline"]}
    return " or ".join(_BASIS.get(code, code) for code in sorted(codes))


def _most_logged(items: Sequence[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], int]:
    """Return the medications of a week that are shown, in their order, and how many more there are."""
    ranked = sorted(items, key=lambda item: -(item["taken"] + item["skipped"] + item["as_needed"]))
    shown = {item["medication"] for item in ranked[:MOST_MEDICATIONS]}
    return [item for item in items if item["medication"] in shown], len(items) - len(shown)


def _medication(item: Mapping[str, Any], days_expected: int) -> MedicationRow:
    dose = item["daily_mg"]
    text = "not known"
    if dose:
        first, last = formatting.number(dose["first"]), formatting.number(dose["last"])
        text = f"{first} mg" if first == last else f"{first} to {last} mg"
    return MedicationRow(
        name=str(item["medication"]).replace("-", " ").capitalize(),
        taken=item["taken"],
        skipped=item["skipped"],
        as_needed=item["as_needed"],
        unknown=max(0, days_expected - item["days_known"]),
        dose=text,
    )


def _session(session: Mapping[str, Any]) -> str:
    route = str(session["route"]).replace("_", " ").lower().replace("iv ", "IV ")
    on = date.fromisoformat(session["local_date"])
    dose = session["dose_mg"]
    amount = "dose in mg not known" if dose is None else f"{formatting.number(dose)} mg"
    return f"{formatting.short_day(on)}: {route}, {amount}"
