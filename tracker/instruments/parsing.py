"""
From the text of a catalogue file to a form, or to every mistake in it, each with its line.

Clinicians write these files too, so a mistake is told in words and shown where it stands.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import yaml
from pydantic import ValidationError

from tracker.instruments import validation
from tracker.instruments.base import CatalogueModel
from tracker.instruments.definition import InstrumentDefinition

Path = tuple[str | int, ...]
_DEEPEST = 32
AnyModel = TypeVar("AnyModel", bound=CatalogueModel)

# The parser in C where the wheel has it: twelve times faster. The two disagree about few texts, such as a question mark
# before a brace; ``check_portable`` finds those.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Mistake(NamedTuple):
    """What is wrong, where; lines count from 1."""

    line: int
    place: str
    message: str

    def __str__(self) -> str:
        return (
            f"line {self.line}: {self.place}: {self.message}"
            if self.place
            else f"line {self.line}: {self.message}"
        )


class InvalidFile(ValueError):
    """The file is not a questionnaire; ``mistakes`` says why, in the order of its lines."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True)
class _Located:
    data: Any
    lines: Mapping[Path, int]
    mistakes: tuple[Mistake, ...]

    def line(self, path: Path) -> int:
        """The line of ``path``, or of the nearest thing around it that is in the file."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)


class _Walk:
    """Goes through the parsed file once and keeps the line of every value."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.mistakes: list[Mistake] = []
        self._scalars = yaml.constructor.SafeConstructor()

    def value(self, node: yaml.Node, path: Path) -> Any:
        if len(path) > _DEEPEST:
            raise ValueError("it holds itself, or is nested too deep")
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(part, (*path, index)) for index, part in enumerate(node.value)]
        return self._scalars.construct_object(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise ValueError("a key must be a plain word")
            key = self._scalars.construct_object(key_node)
            line = key_node.start_mark.line + 1
            if key in result:
                self.mistakes.append(Mistake(line, _said((*path, key)), "stands twice; keep one"))
            self.lines[(*path, key)] = line
            result[key] = self.value(value_node, (*path, key))
        return result


def _said(path: Sequence[str | int]) -> str:
    """A path as a person would say it: ``items[3].options``, counted from 1."""
    said = ""
    for step in path:
        said += f"[{step + 1}]" if isinstance(step, int) else f".{step}"
    return said.lstrip(".")


def _locate(text: str, loader: Any = _Loader) -> _Located:
    try:
        node = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        raise InvalidFile([Mistake(line, "", f"this is not YAML: {problem.problem}")]) from None
    except yaml.YAMLError:
        raise InvalidFile([Mistake(1, "", "this is not YAML: a character is not allowed in it")]) from None
    if not isinstance(node, yaml.MappingNode):
        raise InvalidFile([Mistake(1, "", "a questionnaire starts with keys such as 'id:' and 'items:'")])
    walk = _Walk()
    try:
        data = walk.value(node, ())
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as problem:
        raise InvalidFile([Mistake(1, "", f"a value cannot be read: {problem}")]) from None
    return _Located(data, walk.lines, tuple(walk.mistakes))


_PLAIN = {
    "missing": "is missing",
    "extra_forbidden": "is not a key that belongs here",
    "string_type": "must be text; put it in quotes if it looks like a number, a date or yes/no",
    "string_too_short": "must not be empty",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "dict_type": "must be a list of 'key: value' pairs",
    "model_type": "must be a list of 'key: value' pairs",
    "tuple_type": "must be a list",
    "too_short": "must not be empty",
}


def _message(error: Mapping[str, Any]) -> str:
    kind = error["type"]
    if kind == "literal_error":
        return f"must be one of {error['ctx']['expected']}"
    if kind == "string_pattern_mismatch":
        return f"does not have the form {error['ctx']['pattern']}"
    return _PLAIN.get(kind, str(error["msg"]))


def _of_shape(located: _Located, problem: ValidationError) -> list[Mistake]:
    """
    Pydantic's errors in plain words, one for each place.

    Where a value may be of several kinds each kind complains; the complaint that goes deepest knows best.
    """
    found: dict[Path, list[str]] = {}
    for error in problem.errors():
        found.setdefault(_place(located, error), []).append(_message(error))
    return [
        Mistake(located.line(path), _said(path), " or ".join(dict.fromkeys(said)))
        for path, said in found.items()
        if not any(other[: len(path)] == path and other != path for other in found)
    ]


def _place(located: _Located, error: Mapping[str, Any]) -> Path:
    """The error's path in the YAML file, without the union members that pydantic inserts."""
    path: Path = ()
    for step in error["loc"]:
        if (*path, step) in located.lines:
            path = (*path, step)
    absent = error["type"] in ("missing", "extra_forbidden")
    return (*path, error["loc"][-1]) if absent and path[-1:] != error["loc"][-1:] else path


def read(text: str) -> InstrumentDefinition:
    """
    Return the form that ``text`` describes.

    :raises InvalidFile: with every mistake that could be found.
    """
    located = _locate(text)
    form = _shaped(InstrumentDefinition, located)
    form._document = located.data
    mistakes = [Mistake(located.line(path), _said(path), said) for path, said in validation.faults(form)]
    if mistakes:
        raise InvalidFile(sorted(mistakes))
    return form


def check_portable(text: str) -> None:
    """
    Check that a machine without libyaml reads the same from ``text``, which this one can read.

    :raises InvalidFile: with the place that it cannot read, or reads otherwise.
    """
    try:
        same = _locate(text, yaml.SafeLoader).data == _locate(text).data
    except InvalidFile as problem:
        line = problem.mistakes[0].line
        raise InvalidFile(
            [Mistake(line, "", "not every machine can read this: put the text in quotes")]
        ) from None
    if not same:
        raise InvalidFile([Mistake(1, "", "not every machine reads the same from this: put texts in quotes")])


def read_as(kind: type[AnyModel], text: str) -> AnyModel:
    """
    Return another kind of file, such as a clinic's wording, in the shape of ``kind``.

    :raises InvalidFile: with every mistake in its shape.
    """
    return _shaped(kind, _locate(text))


def _shaped(kind: type[AnyModel], located: _Located) -> AnyModel:
    try:
        shaped = kind.model_validate(located.data)
    except ValidationError as problem:
        raise InvalidFile(sorted([*located.mistakes, *_of_shape(located, problem)])) from None
    if located.mistakes:
        raise InvalidFile(sorted(located.mistakes))
    return shaped


def content_hash(document: Mapping[str, Any]) -> str:
    """The fingerprint of a form's content; the order of keys and the layout of the file do not matter."""
    canonical = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
