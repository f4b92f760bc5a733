"""Query parameters: one model per route, which parses them, refuses unknown names and is their part of the schema."""

from typing import Annotated, Any, TypeVar

from django.http import QueryDict
from pydantic import BeforeValidator, Field, PlainValidator, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError
from rest_framework.request import Request

from tracker.api.exceptions import APIProblem, parameter_error
from tracker.instruments.measures import Measure
from tracker.lib import strict_text, validation_errors
from tracker.lib.strict_model import Day, Id, StrictModel
from tracker.lib.strict_text import STORABLE
from tracker.lib.validation_errors import FieldError, field_error
from tracker.records import measures


class NoParameters(StrictModel):
    """A route without query parameters."""


Q = TypeVar("Q", bound=StrictModel)


def _measure(code: Any) -> Measure:
    measure = None if strict_text.is_bad(code) else measures.find(code)
    if measure is None:
        raise PydanticCustomError("unknown_measure", "must be a measure, such as pain.intensity")
    return measure


def _number(text: Any) -> Any:
    is_number = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 20
    return int(text) if is_number else text


DIGITS = BeforeValidator(_number)
Limit = Annotated[int, Field(ge=1, le=200, description="1 to 200"), DIGITS]
Cursor = Annotated[str, Field(max_length=400, description="`next` of the page before"), STORABLE]
OfPatient = Annotated[Id, Field(description="for caregivers and staff: whose")]
WrittenPatient = Annotated[Id, Field(description="for caregivers who may write: in whose record")]
FirstDay = Annotated[Day, Field(description="first local day, YYYY-MM-DD")]
LastDay = Annotated[Day, Field(description="last local day, YYYY-MM-DD")]
OfMeasure = Annotated[
    Measure,
    PlainValidator(_measure),
    WithJsonSchema({"type": "string"}),
    Field(description="such as pain.intensity or phq-9"),
]


def parse_query(request: Request, model: type[Q]) -> Q:
    """
    Return the query parameters of a request as a ``model``.

    :raises APIProblem: 400, naming each parameter that is unknown, given twice or cannot be taken.
    """
    document = request.query_params.dict()
    errors = [field_error((name,), "duplicate") for name in _repeated(request.query_params)]
    try:
        query = model.model_validate(document)
    except ValidationError as problem:
        errors += validation_errors.of(problem, document)
    if errors:
        raise APIProblem("invalid", [parameter_error(_name(error), error) for error in errors[:20]])
    return query


def _repeated(parameters: QueryDict) -> list[str]:
    return [name for name, values in parameters.lists() if len(values) > 1]


def _name(error: FieldError) -> str:
    """The name of the parameter that an error is about: the only part of its pointer."""
    return error.pointer.removeprefix("/").replace("~1", "/").replace("~0", "~")
