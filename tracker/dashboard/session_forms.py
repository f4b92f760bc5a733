"""Events of a treatment session from a form: the texts that a browser sends, as the schema of a kind has them."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from functools import cache
from typing import Any

from pydantic import ValidationError

from tracker.lib import days, validation_errors
from tracker.treatment import events

Fields = Mapping[str, Sequence[str]]

# A clock on the wall is ahead of ours by so much at most. static/dashboard/session.js has the same two spans.
AHEAD = timedelta(minutes=15)
# A time that is further ahead can only be yesterday's; what lies between is a slip.
YESTERDAY = timedelta(hours=12)


class BadForm(Exception):
    """What was entered makes no event; ``sentences`` say why, each of one field."""

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__("; ".join(sentences))
        self.sentences = sentences


@cache
def _types(kind: str) -> dict[str, set[str]]:
    """The JSON types of each field of a kind."""
    schema = events.KINDS[kind].model_json_schema()
    found = {}
    for name, field in schema["properties"].items():
        options = field.get("anyOf", [field])
        found[name] = {option.get("type", "string") for option in options}
    return found


def _number(text: str) -> Any:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return text
    # "inf" and "nan" are floats to Python, and no number that anybody has measured.
    if not math.isfinite(value):
        return text
    return int(value) if value == int(value) and abs(value) < 1e9 else value


def _value(texts: Sequence[str], types: set[str]) -> Any:
    if "array" in types:
        return [_number(text) for text in texts]
    text = texts[-1].strip()
    if "boolean" in types:
        return {"yes": True, "no": False}.get(text, text)
    if types & {"number", "integer"}:
        value = _number(text)
        return float(value) if "number" in types and isinstance(value, int) else value
    return text


def event_of(fields: Fields, *, event_id: str, at: str) -> events.Event:
    """
    Return the event that a form holds; a field that was left empty is not set.

    :raises BadForm: if it makes none.
    """
    kind = (fields.get("kind") or [""])[-1]
    if kind not in events.KINDS:
        raise BadForm(["This is no event of a session."])
    body: dict[str, Any] = {"id": event_id, "kind": kind, "at": at}
    for name, types in _types(kind).items():
        # Of a list each place is a field of its own, such as ``answers.0``.
        numbered = sorted(field for field in fields if field.startswith(f"{name}."))
        sent = [text for field in (name, *numbered) for text in fields.get(field, ())]
        texts = [text for text in sent if text.strip()]
        if texts and name not in body:
            body[name] = _value(texts, types)
    try:
        return events.parse(body)
    except ValidationError as problem:
        wrong = validation_errors.of(problem, body, tag=kind)
        raise BadForm([_sentence(each) for each in wrong]) from None


def _sentence(error: validation_errors.FieldError) -> str:
    name = error.pointer.rpartition("/")[2].replace("_", " ")
    return f"{name}: {error.detail}" if name else error.detail


def instant_of(local_time: str, now: datetime, time_zone: str) -> str:
    """
    Return the instant of a local time of the last 24 hours, or up to ``AHEAD``; now, if none was entered.

    :raises BadForm: if it is no time, or one that has not come yet.
    """
    if not local_time:
        return now.isoformat()
    try:
        wanted = time.fromisoformat(local_time)
    except ValueError:
        raise BadForm(["That is no time."]) from None
    if wanted.tzinfo is not None:
        raise BadForm(["That is no time."])
    day, a_day = days.local_day(now, time_zone), timedelta(days=1)
    yesterday, today, tomorrow = (
        days.instant(each, wanted, time_zone) for each in (day - a_day, day, day + a_day)
    )
    if tomorrow - now <= AHEAD:
        # Shortly before midnight.
        return tomorrow.isoformat()
    if today - now <= AHEAD:
        return today.isoformat()
    if today - now > YESTERDAY:
        return yesterday.isoformat()
    raise BadForm(["That time has not come yet."])
