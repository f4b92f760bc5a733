"""
A week's figures in parts, one of each category of consent, and put together of those that a reader may see. Pure.

Whoever sees every category reads what ``trends.weekly_figures`` makes of all facts together; whoever sees some reads
what it makes of these. Nothing of a category that is not shared has a share in it but the anchor of the baselines: the
day of the first treatment session, for every category.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from tracker.access.policy import Category
from tracker.progress import trends


@dataclass(frozen=True, slots=True)
class Part:
    """
    One category's part of a week, for ``merge``.

    ``is_due``: the category alone gives the week a summary. Whoever sees no other reads nothing of a week in which only
    others were logged.
    """

    figures: Mapping[str, Any]
    is_due: bool


def weekly_part(facts: trends.Facts, week_start: date, today: date, *, category: Category) -> Part | None:
    """
    Return a category's part of the week that starts on the Monday ``week_start``; None if it has nothing to tell yet.

    Mood has a part in any case: that it has none means that it is not shared, and then nobody can say that no alert was
    raised.

    Its ``days`` are the logged days: each with the entries by kind, and how many were entered late. ``first_on`` is the
    category's first logged day of all.
    """
    figures: dict[str, Any] = {**trends.weekly_figures(facts, week_start, today)}
    del figures["logged"]
    through = figures["week"]["through_on"]
    days = [on for on in sorted(facts.entries) if on <= through]
    if category != Category.MOOD and not days and not figures["measures"] and not figures["sessions"]:
        return None
    figures["first_on"] = days[0] if days else None
    figures["days"] = [
        [on, facts.entries[on], facts.entered_late.get(on, 0)] for on in days if on >= week_start
    ]
    is_due = week_start in trends.weeks_to_summarize(facts, today) or bool(figures["sessions"])
    return Part(figures, is_due)


def merge(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """
    Return the figures of a week from its parts by category, as they were stored; ``categories`` names them.

    Days are ISO 8601 texts in what is stored, and in what is returned.
    """
    any_part = next(iter(parts.values()))
    week = any_part["week"]
    first, through = date.fromisoformat(week["starts_on"]), date.fromisoformat(week["through_on"])
    today = through + timedelta(days=1) if week["ended"] else through
    entries: dict[date, dict[str, int]] = {}
    entered_late: dict[date, int] = {}
    for part in parts.values():
        for text, kinds, late in part["days"]:
            on = date.fromisoformat(text)
            of_day = entries.setdefault(on, {})
            for kind, n in kinds.items():
                of_day[kind] = of_day.get(kind, 0) + n
            entered_late[on] = entered_late.get(on, 0) + late
    begun_on = min(
        (date.fromisoformat(part["first_on"]) for part in parts.values() if part["first_on"]), default=None
    )
    logged = trends.logged_days(entries, entered_late, begun_on, first, through, today)
    return {
        "algorithm": any_part["algorithm"],
        "categories": sorted(parts),
        "week": week,
        "logged": logged | {"days_missed": [on.isoformat() for on in logged["days_missed"]]},
        "measures": sorted(_all(parts, "measures"), key=lambda row: str(row["measure"])),
        "medication": _all(parts, "medication"),
        "sessions": _all(parts, "sessions"),
        "alerts": {"raised": parts["mood"]["alerts"]["raised"] if "mood" in parts else None},
    }


def _all(parts: Mapping[str, Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    return [row for _, part in sorted(parts.items()) for row in part[name]]
