"""Errors of the validator, as the wire tells them."""

from typing import Annotated, Any, Literal, get_args

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import core_schema

from tracker.lib import validation_errors
from tracker.lib.validation_errors import FieldError


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    n: Annotated[int, Field(ge=0, le=10)]
    side: Literal["left", "right"] = "left"
    answers: dict[str, int | bool | None] = {}


class Pain(BaseModel):
    kind: Literal["pain"]
    parts: Annotated[list[Part], Field(max_length=2)]


class Mood(BaseModel):
    kind: Literal["mood"]


ADAPTER: TypeAdapter[Any] = TypeAdapter(Annotated[Pain | Mood, Field(discriminator="kind")])


def first(document: Any) -> FieldError:
    with pytest.raises(ValidationError) as caught:
        ADAPTER.validate_python(document)
    tag = document.get("kind") if isinstance(document, dict) else None
    return validation_errors.of(caught.value, document, tag=tag)[0]


@pytest.mark.parametrize(
    ("part", "pointer", "code"),
    [
        ({"n": 11}, "/parts/0/n", "out_of_range"),
        ({"n": -1}, "/parts/0/n", "out_of_range"),
        ({"n": "3"}, "/parts/0/n", "wrong_type"),
        ({}, "/parts/0/n", "missing_field"),
        ({"n": 1, "side": "up"}, "/parts/0/side", "not_offered"),
        ({"n": 1, "pain": 2}, "/parts/0/pain", "unknown_field"),
        # RFC 6901: ~ is ~0 and / is ~1; the types that the validator tried are no part of the document.
        ({"n": 1, "answers": {"a/b~c": "x"}}, "/parts/0/answers/a~1b~0c", "wrong_type"),
    ],
)
def test_a_field_error_has_a_code_and_a_pointer_into_the_document(part, pointer, code):
    error = first({"kind": "pain", "parts": [part]})

    assert (error.pointer, error.code) == (pointer, code)
    assert error.detail


def test_a_field_error_of_the_whole_document_has_an_empty_pointer():
    assert (first([]).pointer, first([]).code) == ("", "wrong_type")


@pytest.mark.parametrize("document", [{"kind": "else"}, {"kind": 5}, {}])
def test_an_unknown_kind_is_an_error_of_its_field(document):
    assert (first(document).pointer, first(document).code) == ("/kind", "unknown_kind")


def test_no_code_is_a_word_of_the_validator_unless_we_mean_the_same_by_it():
    ours = {validation_errors._code(kind) for kind in get_args(core_schema.ErrorType)}

    assert ours == set(validation_errors._CODES.values()) | {"wrong_type"}
    assert validation_errors._code("not_a_day") == "not_a_day"


def test_a_field_error_echoes_no_value():
    error = first({"kind": "pain", "parts": [{"n": "secret", "side": "secret"}]})

    assert "secret" not in str(error.as_dict())
