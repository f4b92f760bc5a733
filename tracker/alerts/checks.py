"""System check: no two alert rules share an id and differ."""

from typing import Any

from django.core import checks

from tracker.alerts import rules

TAG = "alert_rules"


@checks.register(TAG)
def alert_rules_agree(**_: Any) -> list[checks.CheckMessage]:
    """Name an alert rule that two instruments, or an instrument and a record kind, declare differently."""
    try:
        rules.declared()
    except rules.ConflictingRules as problem:
        hint = "Give the rule an id of its own: a clinic's questionnaires may not reuse one of the catalogue."
        return [checks.Error(str(problem), hint=hint, id="alerts.E001")]
    except ValueError:
        # A file that cannot be read: whoever loads the catalogue says which, and at which line.
        pass
    return []
