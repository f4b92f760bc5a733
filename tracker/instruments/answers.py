"""
What was sent, against what was asked: each answer found by its linkId and checked by its item.

An item may be named by its linkId, by the linkId without its leading slash, or by its number, never by its
place. Problems name the item and what it takes; they never repeat what was sent.
"""

import math
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from tracker.instruments.definition import InstrumentDefinition, Item
from tracker.lib import strict_json

Answers = Mapping[str, int | float]
# What is this near to a step of an item came of binary arithmetic.
_NOISE = 1e-9
_DECIMAL_PLACES = frozenset({0.1, 0.01, 0.001})


class Problem(NamedTuple):
    """
    Why an answer does not count.

    ``code``: ``missing``, ``unknown_item``, ``duplicate``, ``wrong_type``, ``not_offered``, ``out_of_range``,
    ``off_step`` or ``answered_elsewhere``.
    """

    item: str
    code: str
    detail: str


class Reading(NamedTuple):
    """The answers that count, by linkId; an unanswered item is absent, never zero."""

    values: dict[str, int | float]
    problems: tuple[Problem, ...]
    flags: tuple[str, ...]


class _Check:
    """What one item takes."""

    def __init__(self, form: InstrumentDefinition, item: Item) -> None:
        self.item = item
        self.link_id = item.link_id
        options = form.options_of(item)
        self.offered = frozenset(option.value for option in options) if options else None
        self.takes = ", ".join(f"{option.value:g}" for option in options) if options else ""
        if item.range:
            self.low, self.high = item.range
            self.takes = f"{self.low:g} to {self.high:g}"

    def problem(self, code: str, sentence: str) -> Problem:
        return Problem(self.link_id, code, f"{self.link_id} {sentence}")

    def number(self, given: Any) -> int | float | Problem:
        """The answer as a number, or why it is none. True is not a number, nor is a text such as "3"."""
        if type(given) is not int and type(given) is not float:
            return self.problem("wrong_type", f"takes a number ({self.takes}), not {_kind(given)}")
        if type(given) is float and not math.isfinite(given):
            return self.problem("out_of_range", f"takes {self.takes}")
        return self._allowed(self._without_noise(given))

    def _without_noise(self, number: int | float) -> int | float:
        """
        The number on the item's step where it is as good as on it: 2.9999999999999996 is 3.

        Where the step is a decimal place, what is finer than that place is rounded.
        """
        if self.offered is None and self.low <= number <= self.high:
            nearest = self._nearest_step(number)
            if self.item.step in _DECIMAL_PLACES or abs(number - nearest) <= _NOISE:
                return nearest
        return strict_json.by_value(number) if type(number) is float else number

    def _nearest_step(self, number: int | float) -> int | float:
        """The nearest answer on a step, in decimals: 0.1 three times is 0.3."""
        nearest = self.low + round((number - self.low) / self.item.step) * self.item.step
        return strict_json.by_value(round(float(nearest), 6))

    def _allowed(self, number: int | float) -> int | float | Problem:
        if self.offered is not None:
            return number if number in self.offered else self.problem("not_offered", f"offers {self.takes}")
        if not self.low <= number <= self.high:
            return self.problem("out_of_range", f"takes {self.takes}")
        if not self.item.allow_off_step and self.is_off_step(number):
            return self.problem("off_step", f"takes {self.takes} in steps of {self.item.step:g}")
        return number

    def is_off_step(self, number: int | float) -> bool:
        return self.offered is None and number != self._nearest_step(number)


_KINDS = {bool: "true or false", str: "text", list: "a list", dict: "an object"}


def _kind(given: Any) -> str:
    return _KINDS.get(type(given), "something else")


@cache
def _checks(form: InstrumentDefinition) -> Mapping[str, _Check]:
    """Every name of every item, to what the item takes."""
    names: dict[str, _Check] = {}
    for item in form.items:
        check = _Check(form, item)
        names[item.link_id] = names[item.link_id.lstrip("/")] = check
        if item.n is not None:
            names.setdefault(str(item.n), check)
    return names


def read(form: InstrumentDefinition, answers: Mapping[str, object]) -> Reading:
    """Sort ``answers`` into those that count and what is wrong with the rest."""
    names = _checks(form)
    values: dict[str, int | float] = {}
    seen: set[str] = set()
    problems: list[Problem] = []
    for name, given in answers.items():
        check = names.get(name) if isinstance(name, str) else names.get(str(name))
        if check is None:
            problems.append(Problem(str(name), "unknown_item", f"{form.code} has no item of this name"))
            continue
        if check.link_id in seen:
            problems.append(check.problem("duplicate", "is answered twice"))
        seen.add(check.link_id)
        if given is None:
            continue
        if check.item.recorded_as:
            problems.append(
                check.problem(
                    "answered_elsewhere", f"is kept as a record of its own ({check.item.recorded_as})"
                )
            )
            continue
        number = check.number(given)
        if isinstance(number, Problem):
            problems.append(number)
        else:
            # Twice answered is refused as a whole; of a safety item the worse answer is still seen.
            values[check.link_id] = max(number, values.get(check.link_id, number))
    return Reading(values, tuple(problems), _flags(form, values, problems))


def _flags(form: InstrumentDefinition, values: Answers, problems: list[Problem]) -> tuple[str, ...]:
    names = _checks(form)
    flags = []
    if any(names[name].is_off_step(value) for name, value in values.items()):
        flags.append("off_step")
    if any(not is_asked(form.item[name], values) for name in values):
        flags.append("answered_unasked")
    if any(problem.item in form.item and form.item[problem.item].safety for problem in problems):
        flags.append("safety_item_unreadable")
    if not all(_rises([values[name] for name in chain if name in values]) for chain in form.scoring.in_order):
        flags.append("out_of_order")
    return tuple(flags)


def _rises(numbers: list[int | float]) -> bool:
    return numbers == sorted(numbers)


def is_asked(item: Item, values: Answers) -> bool:
    """Whether the item is put to the person, given the answers to the others."""
    return item.asked_when is None or values.get(item.asked_when.item) == item.asked_when.equals
