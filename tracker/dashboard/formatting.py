"""Numbers, days and ages as a person reads them. Pure."""

from datetime import date, datetime, timedelta

from tracker.lib.formatting import MINUS as MINUS
from tracker.lib.formatting import number as number


def signed(value: float, decimals: int = 1) -> str:
    """Return ``value`` with its sign: ``+1.4``, ``−2``, ``0``."""
    text = number(value, decimals)
    return text if text == "0" or text.startswith(MINUS) else f"+{text}"


def arrow(word: str, change: float) -> str:
    """Return the arrow of a change: level if it is ``about the same`` or 0, else the way the number went."""
    if word == "about the same" or change == 0:
        return "→"
    return "↑" if change > 0 else "↓"


def day(on: date) -> str:
    """Return ``8 Apr 2013``."""
    return f"{on.day} {on:%b %Y}"


def short_day(on: date) -> str:
    """Return ``8 Apr``."""
    return f"{on.day} {on:%b}"


def moment(at: datetime) -> str:
    """Return the local moment ``at`` as ``Mon 8 Apr 2013, 14:05``."""
    return f"{at:%a} {day(at)}, {at:%H:%M}"


def soon(at: datetime) -> str:
    """Return the local moment ``at``, not far ahead, as ``Mon 8 Apr, 14:05``."""
    return f"{at:%a} {short_day(at)}, {at:%H:%M}"


def count(n: int, noun: str) -> str:
    """Return ``1 day`` or ``12 days``."""
    plural = noun[:-1] + "ies" if noun.endswith("y") and noun[-2] not in "aeiou" else noun + "s"
    return f"{n:,} {noun if n == 1 else plural}"


def days_ago(days: int) -> str:
    """Return how long ago a local day was. A day that has not come yet says so."""
    if days < 0:
        return f"dated {count(-days, 'day')} ahead"
    if days == 0:
        return "today"
    if days == 1:
        return "yesterday"
    if days < 100:
        return f"{days} days ago"
    if days < 730:
        return f"{days // 30} months ago"
    return f"{days // 365} years ago"


def age(span: timedelta) -> str:
    """Return an age in its largest useful unit: ``4 min``, ``7 h``, ``3 days``."""
    minutes = max(0, int(span.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    days = minutes // (24 * 60)
    return count(days, "day") if days < 730 else count(days // 365, "year")


def listed(days: list[date]) -> str:
    """Return days as a short list, runs joined: ``3, 5–7 and 9 Aug``."""
    runs: list[list[date]] = []
    for on in sorted(days):
        if runs and on - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(on)
        else:
            runs.append([on])
    parts = [
        short_day(run[0]) if len(run) == 1 else f"{short_day(run[0])} to {short_day(run[-1])}" for run in runs
    ]
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + f" and {parts[-1]}" if parts else ""


_PROGRAMS = ("Edg", "Firefox", "Chrome", "Safari")
_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux")


def browser(agent: str) -> str:
    """Return what a browser's long name for itself comes down to."""
    program = next((name for name in _PROGRAMS if name in agent), "")
    system = next((name for name in _SYSTEMS if name in agent), "")
    named = {"Edg": "Edge"}.get(program, program)
    return f"{named} on {system}" if named and system else named or "An app"
