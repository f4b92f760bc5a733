"""
Find positive safety answers in raw, unvalidated records, so that a rejected record still raises its alert. Pure.

The form of the item does not matter here. Where a positive answer to a safety item can be made out, it is
reported: an answer about self-harm is not lost to a wrong zone or an unknown field.
"""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from tracker.instruments import catalogue, scoring
from tracker.instruments.definition import InstrumentDefinition
from tracker.lib import days
from tracker.lib.strict_model import as_instant

_SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:interlude:unreadable")


def scan(item: Any) -> Iterator[tuple[str, str, float | None]]:
    """
    Yield (rule, level, value) for each positive safety answer that can be made out in ``item``.

    An answer to a safety item that is there but cannot be read counts too: nobody knows that it is a no.
    """
    if not isinstance(item, dict):
        return
    data = item.get("data")
    seen = set()
    for part in data if isinstance(data, list) else [data]:
        for found in _in_data(item.get("kind"), part) if isinstance(part, dict) else ():
            if found[0] not in seen:
                seen.add(found[0])
                yield found


def _in_data(kind: Any, data: dict[str, Any]) -> Iterator[tuple[str, str, float | None]]:
    if data.get("self_harm_thoughts") is True:
        yield "daily_self_harm_thoughts", "URGENT", None
    form, answers = _form(data), data.get("answers")
    if kind == "side_effects":
        form, answers = catalogue.latest("side-effects"), data.get("items")
    if form is None or not form.safety:
        return
    if not isinstance(answers, dict):
        # Answers there are, and nobody can say what to.
        if answers:
            yield "unreadable_safety_answer", "URGENT", None
        return
    result = scoring.score(form, _tidy(form, answers))
    for finding in result.safety_findings:
        yield finding.rule, finding.level.upper(), finding.value
    if "safety_item_unreadable" in result.flags:
        yield "unreadable_safety_answer", "URGENT", None


def _tidy(form: InstrumentDefinition, answers: dict[str, Any]) -> dict[str, Any]:
    """The answers by the link ids of the form, however they were spelt."""
    known = {item.link_id.casefold(): item.link_id for item in form.items}
    return {known.get(key.strip().casefold(), key): value for key, value in answers.items()}


def _form(data: dict[str, Any]) -> InstrumentDefinition | None:
    """The form that is meant, however its name is spelt; its newest version if the one named is not known."""
    code, version = data.get("instrument"), data.get("version")
    if not isinstance(code, str):
        return None
    code = code.strip().casefold()
    try:
        return catalogue.get(code, str(version))
    except catalogue.UnknownInstrumentError:
        pass
    try:
        return catalogue.latest(code)
    except catalogue.UnknownInstrumentError:
        return None


def source_of(item: Any) -> uuid.UUID:
    """Return the item's id; where it has none, one made from its content, so that it alerts once."""
    try:
        return uuid.UUID(item["id"])
    except (TypeError, KeyError, ValueError, AttributeError):
        return uuid.uuid5(_SPACE, json.dumps(item, sort_keys=True, default=str))


def answered(item: Any, received_at: datetime) -> tuple[datetime, date]:
    """Return the phone's instant and local day of the answer; ours, in UTC, where they cannot be read."""
    try:
        at = as_instant(item["recorded_at"])
    except (TypeError, KeyError, ValueError):
        at = received_at
    try:
        return at, days.local_day(at, item["time_zone"])
    except (TypeError, KeyError, ValueError):
        return at, at.astimezone(UTC).date()
