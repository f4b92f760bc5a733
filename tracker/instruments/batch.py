"""Scores for files of answers: one JSON line in, one out. For research, and for trying a new form."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tracker.instruments import scoring
from tracker.instruments.answers import Problem
from tracker.instruments.definition import InstrumentDefinition
from tracker.instruments.scoring import Result, Score
from tracker.lib import strict_json

_KEYS = {"answers", "stated_total"}


def score_lines(
    form: InstrumentDefinition, lines: Iterable[bytes], *, prorate: bool = False
) -> Iterator[str]:
    """
    Yield one JSON line for each line that is not empty.

    A line that cannot be read is answered as ``invalid``, with the reason; the lines after it still count.
    """
    for line in lines:
        if line.strip():
            yield json.dumps(_answered(form, line, prorate), ensure_ascii=False)


def _answered(form: InstrumentDefinition, line: bytes, prorate: bool) -> dict[str, Any]:
    try:
        given = strict_json.decode(line)
    except strict_json.BadJSON as problem:
        if problem.code == "duplicate_key":
            return _twice(form, line)
        return as_json(form, _invalid(Problem("", problem.code, str(problem))))
    refused = _misshapen(given)
    if refused:
        return as_json(form, _invalid(refused))
    return as_json(form, scoring.score(form, given["answers"], given.get("stated_total"), prorate=prorate))


def _invalid(*problems: Problem) -> Result:
    return Result("invalid", (), problems)


def _misshapen(given: Any) -> Problem | None:
    if not isinstance(given, dict) or not isinstance(given.get("answers"), dict):
        return Problem("answers", "wrong_type", 'a line is an object such as {"answers": {"1": 0, "2": 3}}')
    strangers = sorted(set(given) - _KEYS)
    return (
        Problem(strangers[0], "unknown_field", f"{strangers[0]} is not a field of a line")
        if strangers
        else None
    )


def _twice(form: InstrumentDefinition, line: bytes) -> dict[str, Any]:
    """A line with a key that stands twice: refused by name, though what is worrying in it is still seen."""
    names: Counter[str] = Counter()

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen = Counter(name for name, _ in pairs)
        names.update(name for name, count in seen.items() if count > 1)
        return dict(pairs)

    given = json.loads(line, object_pairs_hook=keep)
    problems = tuple(Problem(name, "duplicate", f"{name} is answered twice") for name in names)
    answers = given.get("answers") if isinstance(given, dict) else None
    seen = scoring.score(form, answers) if isinstance(answers, dict) else _invalid()
    return as_json(form, _invalid(*problems)._replace(flags=seen.flags, safety_findings=seen.safety_findings))


def as_json(form: InstrumentDefinition, result: Result) -> dict[str, Any]:
    """
    A result as plain values. A form with a main score gives it alone, others beside it in ``scores``; a form
    without one gives ``t``, ``se`` and ``band`` by score too.
    """
    return {
        "instrument": form.code,
        "version": form.version,
        "status": result.status,
        **(_with_main(form, result) if form.main else _by_name(form, result.scores)),
        "answered": result.answered,
        "prorated": any(score.prorated for score in result.scores),
        "flags": [*result.flags, *(finding.rule for finding in result.safety_findings)],
        "errors": [problem._asdict() for problem in (*result.errors, *result.missing)],
    }


def _with_main(form: InstrumentDefinition, result: Result) -> dict[str, Any]:
    assert form.main is not None
    main = next((score for score in result.scores if score.name == form.main.name), None)
    others = {_short(form, score): score.value for score in result.scores if score is not main}
    return {
        "score": main.value if main else None,
        **({"scores": others} if others else {}),
        **({"t": main.t, "se": main.se} if main and main.t is not None else {}),
        "band": main.band if main else None,
    }


def _by_name(form: InstrumentDefinition, scores: Iterable[Score]) -> dict[str, Any]:
    def named(field: str) -> Mapping[str, Any]:
        found = {_short(form, score): getattr(score, field) for score in scores}
        return {name: value for name, value in found.items() if value is not None}

    t = named("t")
    return {
        "score": None,
        "scores": named("value"),
        **({"t": t, "se": named("se")} if t else {}),
        "band": named("band") or None,
    }


def _short(form: InstrumentDefinition, score: Score) -> str:
    """The name of a score within its instrument."""
    return score.name.removeprefix(f"{form.code}.")
