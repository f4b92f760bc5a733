"""Late delivery: since when alerts may not go out, as staff are told on their pages."""

from datetime import datetime, timedelta

from tracker.access.principal import Principal
from tracker.alerts import safety_status
from tracker.dashboard import formatting
from tracker.lib import days

# A process asks once in this time: what has been late for a minute may be told a little later.
KNOWN_FOR = timedelta(seconds=10)
# When the process last asked, and since when it was late then.
_known: tuple[datetime, datetime | None] | None = None


def late_since(principal: Principal, at: datetime) -> str:
    """Return since when worker, watch or messages stand still, as the principal's local time; empty if all is well."""
    global _known
    if _known is None or not timedelta(0) <= at - _known[0] < KNOWN_FOR:
        late_s = safety_status.read().late_s
        _known = at, at - timedelta(seconds=late_s) if late_s else None
    since = _known[1]
    return formatting.moment(days.local(since, principal.time_zone)) if since else ""
