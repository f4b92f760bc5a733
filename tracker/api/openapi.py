"""The OpenAPI document: pydantic models as schemas and query parameters, and the problems of every operation."""

from collections import defaultdict
from typing import Any

from drf_spectacular import openapi
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from pydantic import BaseModel

from tracker.api.exceptions import CONTENT_TYPE
from tracker.api.schemas import Problem
from tracker.lib.error_codes import CODES

_REF = {"$ref": "#/components/schemas/Problem"}
_ANY = {
    "400": "something in the request cannot be taken",
    "406": "no answer in a form that the caller accepts",
    "503": "the database is not available; nothing was stored, and `Retry-After` says when to try again",
}
_SIGNED_IN = {
    "429": "too many requests; `Retry-After` says when to send the same again",
    "401": "not signed in",
    "403": "not for this role, or not without a paired device or a new sign-in",
    "404": "nothing here, or nothing here for the caller",
}
_WITH_BODY = {
    "408": "the body did not come whole in time",
    "413": "the body is too large",
    "415": "the body is not JSON, or is encoded in an unknown way",
}


def complete(result: Any, generator: Any, request: Any, public: bool) -> Any:
    """Hook of drf-spectacular: name the common problems at every operation, each with the content type it has."""
    for path in result["paths"].values():
        for operation in path.values():
            _complete(operation)
    return result


def _complete(operation: dict[str, Any]) -> None:
    common = _ANY
    if any(operation.get("security", ())):
        common = common | _SIGNED_IN
    if "requestBody" in operation:
        common = common | _WITH_BODY
    responses = operation["responses"]
    for status, meaning in common.items():
        responses.setdefault(status, {"description": meaning})
        responses[status]["description"] = responses[status]["description"] or meaning
    for status, response in responses.items():
        if int(status) >= 400:
            response["content"] = {CONTENT_TYPE: {"schema": _REF}}
    operation["responses"] = dict(sorted(responses.items()))


def problems(*codes: str) -> dict[int, OpenApiResponse]:
    """Return the responses of an operation for these codes, by status; the common ones are there anyway."""
    sentences: dict[int, list[str]] = defaultdict(list)
    for code in codes:
        sentences[CODES[code].status].append(f"`{code}`: {CODES[code].detail}")
    return {status: OpenApiResponse(Problem, " ".join(lines)) for status, lines in sentences.items()}


class AutoSchema(openapi.AutoSchema):
    """Takes the query parameters of an operation from the view's ``queries``."""

    def get_override_parameters(self) -> list[Any]:
        model = getattr(self.view, "queries", {}).get(self.method)
        return [*super().get_override_parameters(), *(_parameters(model) if model else ())]


def _parameters(model: type[BaseModel]) -> list[OpenApiParameter]:
    schema = model.model_json_schema()
    required = schema.get("required", ())
    return [_parameter(name, part, name in required) for name, part in schema["properties"].items()]


def _parameter(name: str, part: dict[str, Any], required: bool) -> OpenApiParameter:
    """One parameter. An optional one is left out, never null."""
    (choice,) = [each for each in part.get("anyOf", [part]) if each.get("type") != "null"]
    words = {"title", "description", "default"}
    return OpenApiParameter(
        name,
        {key: value for key, value in choice.items() if key not in words},
        required=required,
        description=part.get("description", choice.get("description", "")),
        default=part.get("default"),
    )


class PydanticInSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Lets pydantic models stand for serializers in the OpenAPI document."""

    target_class = BaseModel
    match_subclasses = True

    def get_name(self, auto_schema: Any, direction: Any) -> str:
        return str(self.target.__name__)

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:
        schema = self.target.model_json_schema(ref_template="#/components/schemas/{model}")
        for name, part in schema.pop("$defs", {}).items():
            component = ResolvedComponent(  # type: ignore[no-untyped-call]
                name=name, type=ResolvedComponent.SCHEMA, object=name, schema=part
            )
            auto_schema.registry.register_on_missing(component)
        return schema
