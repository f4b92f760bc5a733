"""Late delivery: since when alerts may not go out, as staff are told on their pages. One query."""

from datetime import datetime, timedelta

from tracker.access.principal import Principal
from tracker.alerts import safety_status
from tracker.dashboard import formatting
from tracker.lib import days


def late_since(principal: Principal, at: datetime) -> str:
    """Return since when worker, watch or messages stand still, as the principal's local time; empty if all is well."""
    late_s = safety_status.read().late_s
    return (
        formatting.moment(days.local(at - timedelta(seconds=late_s), principal.time_zone)) if late_s else ""
    )
