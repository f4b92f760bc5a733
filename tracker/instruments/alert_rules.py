"""Alert rules: which answer a clinician must see, and how soon. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class AlertRule:
    """
    One rule, declared beside what it is about.

    ``evaluate`` takes the data of a record as it was sent, before any validation, and returns None or the value that
    meets the rule. ``label`` is what a clinician reads.
    """

    id: str
    version: int
    level: Literal["emergency", "urgent", "high", "review"]
    label: str
    evaluate: Callable[[Mapping[str, Any]], float | bool | None]
