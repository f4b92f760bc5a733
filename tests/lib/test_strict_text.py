"""Text that can be stored."""

import importlib
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, Field, ValidationError

from tracker.lib import strict_text, validation_errors
from tracker.lib.strict_model import StrictModel
from tracker.lib.strict_text import STORABLE, Text, refuse_bad

BAD = ["\x00", "a\x00b", "\ud83d", "half \udfff"]


class Note(StrictModel):
    text: Text = ""
    short: Annotated[str, Field(max_length=9), STORABLE] = ""
    answers: dict[Annotated[str, Field(pattern=r"^[a-z/]{1,9}$")], int | Annotated[str, STORABLE]] = {}


def place(document: Any) -> tuple[str, str]:
    with pytest.raises(ValidationError) as caught:
        Note.model_validate(document)
    error = validation_errors.of(caught.value, document)[0]
    return error.pointer, error.code


@pytest.mark.parametrize("bad", BAD)
def test_bad_text_is_refused_with_the_pointer_of_its_field(bad):
    assert place({"text": bad}) == ("/text", "bad_text")
    assert place({"short": bad}) == ("/short", "bad_text")
    assert place({"answers": {"/a": bad}})[0] == "/answers/~1a"


@pytest.mark.parametrize("bad", BAD)
def test_bad_text_in_a_key_is_refused_with_a_pointer_that_can_be_shown(bad):
    for document in ({"answers": {bad: 1}}, {bad: 1}, {f"{bad}/x": 1}):
        pointer, code = place(document)

        assert "\ufffd" in pointer
        assert pointer.encode()
        assert code in {"bad_text", "bad_format", "unknown_field"}


@pytest.mark.parametrize("text", ["", "é", "\U0001f600", "\n\t", "\ufffd"])
def test_any_other_text_is_taken_as_it_is(text):
    assert Note(text=text).text == text
    assert strict_text.printable(text) == text
    assert not strict_text.is_bad(text)


def models(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in base.__subclasses__():
        yield model
        yield from models(model)


def unchecked(schema: Any) -> list[dict[str, Any]]:
    """Each text in a schema of pydantic's that nothing looks at for bad text."""
    named = {part["ref"]: part for part in schema.get("definitions", ())}
    return list(_unchecked(schema.get("schema", schema), named, checked=False))


def _unchecked(schema: Any, named: dict[str, Any], *, checked: bool) -> Iterator[dict[str, Any]]:
    if isinstance(schema, list | tuple):
        for part in schema:
            yield from _unchecked(part, named, checked=checked)
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "definition-ref":
        yield from _unchecked(named.pop(schema["schema_ref"], None), named, checked=checked)
    function = schema.get("function")
    checked = checked or (isinstance(function, dict) and function.get("function") is refuse_bad)
    if schema.get("type") == "str" and not checked and takes_bad(schema):
        yield schema
    for name, part in schema.items():
        if name not in {"serialization", "metadata"}:
            yield from _unchecked(part, named, checked=checked)


def takes_bad(schema: dict[str, Any]) -> bool:
    """Whether a pattern, if there is one, lets bad text through."""
    pattern = schema.get("pattern")
    if pattern is None:
        return True

    class Probe(BaseModel):
        text: Annotated[str, Field(pattern=pattern)]

    for text in ("\x00", "\x00" * 8, "a\x00@b.cd", "a\x00b"):
        try:
            Probe(text=text)
        except ValidationError:
            continue
        return True
    return False


def test_every_text_that_a_client_sends_is_looked_at_for_bad_text():
    importlib.import_module("tracker.api.urls")
    product = [model for model in models(StrictModel) if model.__module__.startswith("tracker.")]

    assert len(product) > 30
    wrong = {model.__name__: unchecked(model.__pydantic_core_schema__) for model in product}
    assert {name: found for name, found in wrong.items() if found} == {}


def test_a_text_that_nothing_looks_at_is_seen():
    class Careless(BaseModel):
        a: str
        b: Annotated[str, Field(pattern=r"^[^@]+$")]
        c: Annotated[str, AfterValidator(str.strip)]
        d: Annotated[str, Field(pattern=r"^[a-z]+$")]
        e: Text

    assert len(unchecked(Careless.__pydantic_core_schema__)) == 3
