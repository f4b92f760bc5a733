"""What a panel shows, in a sentence and in a table, for those who read rather than look. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from tracker.dashboard import formatting
from tracker.dashboard.chart_model import Day, Frame, Panel


def described(panel: Panel, frame: Frame) -> str:
    """Return the panel in a sentence or two."""
    parts = [f"{formatting.day(frame.first)} to {formatting.day(frame.last)}."]
    for line in panel.lines:
        days = [day for day in line.days if day.on >= frame.first]
        if not days:
            parts.append(f"{line.label}: no entries.")
            continue
        low, high = min(day.value for day in days), max(day.value for day in days)
        parts.append(
            f"{line.label}: {formatting.count(len(days), 'day')} with entries, from {formatting.number(low)} to "
            f"{formatting.number(high)}, {formatting.number(days[-1].value)} on {formatting.day(days[-1].on)}."
        )
    return " ".join(parts)


@dataclass(frozen=True, slots=True)
class NumberTable:
    """The numbers of a panel: the first cell of each row is its heading."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def table(panel: Panel, frame: Frame) -> NumberTable:
    """Return the numbers as a table: a row per score or day, or per week where there are many days."""
    if panel.kind == "form" or frame.days <= 31:
        caption, first, rows = f"{panel.title}, by day", "Day", _by_day(panel, frame)
    else:
        caption, first, rows = f"{panel.title}, by week", "Week of", _by_week(panel, frame)
    return NumberTable(caption, [first, *(line.label for line in panel.lines)], rows)


def _by_day(panel: Panel, frame: Frame) -> list[list[str]]:
    values = [{day.on: day for day in line.days} for line in panel.lines]
    days = sorted({on for line in values for on in line if on >= frame.first}, reverse=True)
    return [
        [
            formatting.day(on),
            *(formatting.number(line[on].value) if on in line else "none" for line in values),
        ]
        for on in days
    ]


def _by_week(panel: Panel, frame: Frame) -> list[list[str]]:
    weeks: dict[date, list[list[Day]]] = {}
    for index, line in enumerate(panel.lines):
        for day in line.days:
            if day.on >= frame.first:
                monday = day.on - timedelta(days=day.on.weekday())
                weeks.setdefault(monday, [[] for _ in panel.lines])[index].append(day)
    return [[formatting.day(monday), *map(_week, weeks[monday])] for monday in sorted(weeks, reverse=True)]


def _week(days: Sequence[Day]) -> str:
    if not days:
        return "none"
    mean = sum(day.value for day in days) / len(days)
    low, high = min(day.value for day in days), max(day.value for day in days)
    spread = f", {formatting.number(low)} to {formatting.number(high)}" if low != high else ""
    return f"{formatting.number(mean)} ({formatting.count(len(days), 'day')}{spread})"
