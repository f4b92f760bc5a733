"""The OpenAPI document: pydantic models as schemas and parameters. ``openapi_hooks`` completes what comes of it."""

import json
from collections import defaultdict
from typing import Any

from drf_spectacular import openapi
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from tracker.access import policy
from tracker.api import versions
from tracker.api.schemas import Problem
from tracker.clinics.models import Role
from tracker.lib.error_codes import CODES


def problems(*codes: str, body: type[Problem] = Problem) -> dict[int, OpenApiResponse]:
    """Return the responses of an operation for these codes, by status; the common ones are there anyway."""
    sentences: dict[int, list[str]] = defaultdict(list)
    for code in codes:
        sentences[CODES[code].status].append(f"`{code}`: {CODES[code].detail}")
    return {status: OpenApiResponse(body, " ".join(lines)) for status, lines in sentences.items()}


# Not ``format: uuid``: generated clients make an object of it, which their HTTP libraries take for no header.
DEVICE_ID = {"type": "string", "pattern": "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"}
LOCATION = OpenApiParameter(
    "Location",
    {"type": "string", "format": "uri-reference"},
    OpenApiParameter.HEADER,
    description="the address of what was made",
    response=["201"],
)


class AutoSchema(openapi.AutoSchema):
    """Takes the query parameters of an operation from the view's ``queries``, and says which calls name the phone."""

    def get_override_parameters(self) -> list[Any]:
        model = getattr(self.view, "queries", {}).get(self.method)
        return [
            *super().get_override_parameters(),
            *_device_header(self.view, str(self.method)),
            *(_parameters(model) if model else ()),
        ]

    def is_deprecated(self) -> bool:
        return str(self.method) in getattr(self.view, "deprecations", {})

    def get_operation(self, *args: Any, **more: Any) -> Any:
        operation = super().get_operation(*args, **more)
        action = getattr(self.view, "actions", {}).get(self.method)
        if operation and versions.may_be_refused(action):
            operation["responses"]["426"] = {"description": "`app_too_old`: " + CODES["app_too_old"].detail}
        return operation


def _device_header(view: Any, method: str) -> list[OpenApiParameter]:
    """``X-Device``, where the caller is signed in: patients alone have a phone that is paired."""
    action = getattr(view, "actions", {}).get(method)
    if action is None or method in view.methods_before_pairing:
        return []
    roles = {role for role in (*Role.values, "PATIENT", "CAREGIVER") if policy.role_may(role, action)}
    return [
        OpenApiParameter(
            "X-Device",
            DEVICE_ID,
            OpenApiParameter.HEADER,
            required=roles == {"PATIENT"},
            description="The phone that a patient's session is bound to. Staff and caregivers have none.",
        )
    ]


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


def component_name(name: str) -> str:
    """Return the name of a model in the document: ``MeOut`` is ``Me``, ``DeviceIn`` is ``DeviceRequest``."""
    if name.endswith("Out"):
        return name.removesuffix("Out")
    return name.removesuffix("In") + "Request" if name.endswith("In") else name


class _ComponentSchema(GenerateJsonSchema):
    """Makes the schemas of the models that a model holds, by the names of the document."""

    def normalize_name(self, name: str) -> str:
        return component_name(super().normalize_name(name))


def _prefixed(schema: dict[str, Any], prefix: str) -> dict[str, Any]:
    """
    Give the models that a model holds names of their own in the document: ``Item`` is ``InstrumentItem``.

    They are closed where a file is read; an answer may grow. What is null in a file is left out of an answer.
    """
    names = {
        name: prefix + name
        for name, part in schema["$defs"].items()
        if "properties" in part and not name.startswith(prefix)
    }
    text = json.dumps(schema)
    for name, new in names.items():
        text = text.replace(f'"#/components/schemas/{name}"', f'"#/components/schemas/{new}"')
    renamed: dict[str, Any] = json.loads(text)
    renamed["$defs"] = {names.get(name, name): part for name, part in renamed["$defs"].items()}
    for part in (renamed, *renamed["$defs"].values()):
        if part.get("additionalProperties") is False:
            del part["additionalProperties"]
        fields = part.get("properties", {})
        named = [
            name for name in part.pop("required", ()) if {"type": "null"} not in fields[name].get("anyOf", ())
        ]
        part |= {"required": named} if named else {}
    return renamed


class PydanticInSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Lets pydantic models stand for serializers in the OpenAPI document."""

    target_class = BaseModel
    match_subclasses = True
    # Before the one that drf-spectacular has.
    priority = 1

    def get_name(self, auto_schema: Any, direction: Any) -> str:
        return component_name(self.target.__name__)

    def get_identity(self, auto_schema: Any, direction: Any) -> str:
        """The name: a model that is the answer of one route may be held by that of another."""
        return component_name(self.target.__name__)

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:
        """
        Return the schema of a model; what it holds has components of its own.

        :raises ValueError: if two different models would have one name.
        """
        schema = self.target.model_json_schema(
            ref_template="#/components/schemas/{model}", schema_generator=_ComponentSchema
        )
        if hasattr(self.target, "component_prefix"):
            schema = _prefixed(schema, self.target.component_prefix)
        for name, part in schema.pop("$defs", {}).items():
            component = ResolvedComponent(  # type: ignore[no-untyped-call]
                name=name, type=ResolvedComponent.SCHEMA, object=name, schema=part
            )
            known = auto_schema.registry._components.get(component.key)
            if known is not None and known.schema not in (None, part):
                raise ValueError(f"two models are called {name} in the OpenAPI document")
            auto_schema.registry.register_on_missing(component)
        return schema
