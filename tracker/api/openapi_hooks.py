"""Hook of drf-spectacular: completes the OpenAPI document, and simplifies its schemas for generators of clients."""

from typing import Any

from tracker.api.exceptions import CONTENT_TYPE

_REF = {"$ref": "#/components/schemas/Problem"}
_ANY = {
    "400": "something in the request cannot be taken",
    "406": "no answer in a form that the caller accepts",
    "429": "too many requests; `Retry-After` says when to send the same again",
    "503": "the database is not available; nothing was stored, and `Retry-After` says when to try again",
}
_SIGNED_IN = {
    "401": "not signed in",
    "403": "not for this role, or not without a paired device or a new sign-in",
    "404": "nothing here, or nothing here for the caller",
}
_WITH_BODY = {
    "408": "the body did not come whole in time",
    "413": "the body is too large",
    "415": "the body is not JSON, or is encoded in an unknown way",
}
# By the first part of the path below /api/v1/.
_TAGS = {
    "sync": "Push and pull: how a phone that is often offline writes and reads (docs/sync.md).",
    "records": "One record at a time, for clients that do not queue.",
    "observations": "The numbers of one measure over time.",
    "measures": "What may be measured: unit, range and direction.",
    "medications": "The medications that have a code.",
    "instruments": "The questionnaires of the catalogue.",
    "summaries": "A patient's weeks, as they were summed up.",
    "me": "The caller: who, in which role, signed in where, sharing what.",
    "devices": "The phones that a patient has paired.",
    "invitations": "Coming in by invitation.",
    "messages": "What the product tells the caller.",
    "check-ins": "Telehealth check-ins.",
    "sessions": "Treatment sessions: planned, recorded event by event, closed; and what follows from them.",
    "monitoring-limits": "The clinic's limits of monitoring around a dose.",
    "alerts": "Open alerts of the caller's patients.",
    "patients": "Sign-in of a patient, ended and recovered by staff.",
    "break-glass": "Access in an emergency.",
    "access-log": "Who saw what.",
}
RETRY_AFTER = {
    "Retry-After": {
        "description": "seconds until the same may be sent again",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    }
}


# By reference: they stand at every answer of a signed-in caller.
_RATE_LIMITS = {
    "RateLimit": {
        "description": (
            "What is left of the limit of the caller's reads, or writes, and in how many seconds it is whole again:"
            ' `"read";r=1180;t=43`. Processes count by themselves for a while: `r` may be a little too high.'
        ),
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": 'The limit and its window in seconds: `"read";q=1200;w=60`. A long body counts as several.',
        "schema": {"type": "string"},
    },
}
_RATE_LIMIT_REFS = {name: {"$ref": f"#/components/headers/{name}"} for name in _RATE_LIMITS}


def complete(result: Any, generator: Any, request: Any, public: bool) -> Any:
    """Name the common problems at every operation, each with the content type it has, and simplify the schemas."""
    result["tags"] = [{"name": name, "description": description} for name, description in _TAGS.items()]
    schemas = result["components"]["schemas"]
    result["components"]["headers"] = _RATE_LIMITS
    for path in result["paths"].values():
        for operation in path.values():
            _complete(operation)
    for schema in schemas.values():
        simplify(schema)
    return result


def _complete(operation: dict[str, Any]) -> None:
    common = _ANY
    is_signed_in = any(operation.setdefault("security", []))
    if is_signed_in:
        common = common | _SIGNED_IN
    if "requestBody" in operation:
        common = common | _WITH_BODY
    responses = operation["responses"]
    for status, meaning in common.items():
        responses.setdefault(status, {"description": meaning})
    for status, response in responses.items():
        response["description"] = response["description"] or common.get(status) or "done"
        if status == "403" and status in common and response["description"] != common[status]:
            # Codes of its own do not take the place of those of every route.
            response["description"] += f" Else {common[status]}."
        if int(status) >= 400:
            described = [*response.get("content", {}).values(), {"schema": _REF}]
            response["content"] = {CONTENT_TYPE: described[0]}
        if status in ("429", "503"):
            response["headers"] = RETRY_AFTER
        if is_signed_in and (int(status) < 300 or status == "429"):
            response["headers"] = response.get("headers", {}) | _RATE_LIMIT_REFS
    operation["responses"] = dict(sorted(responses.items()))


def simplify(schema: dict[str, Any]) -> None:
    """Simplify a schema and what is in it: without the titles that repeat a name, and without defaults."""
    schema.pop("title", None)
    _name_keys_by_pattern(schema)
    _simplify_number(schema)
    _simplify_tuple(schema)
    required = schema.get("required", ())
    for name, part in schema.get("properties", {}).items():
        _without_default(part, may_be_null=name in required)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            simplify(schema[key])
    for part in (*schema.get("properties", {}).values(), *schema.get("anyOf", ()), *schema.get("oneOf", ())):
        simplify(part)


def _without_default(schema: dict[str, Any], *, may_be_null: bool) -> None:
    """
    Tell an optional field by its not being required, and by nothing else.

    Generators take a field with a default for one that must be there, and ``null`` for one more type of its values.
    What null would say is said by leaving the field out.
    """
    default = schema.pop("default", None)
    if isinstance(default, bool | int | float | str) and default != "":
        said = schema.get("description", "")
        schema["description"] = (
            f"{said} Without it: `{default!s}`.".strip()
            .replace("`False`", "`false`")
            .replace("`True`", "`true`")
        )
    if may_be_null or "anyOf" not in schema:
        return
    schema["anyOf"] = [option for option in schema["anyOf"] if option != {"type": "null"}]
    if len(schema["anyOf"]) == 1:
        (only,) = schema.pop("anyOf")
        for key, value in only.items():
            schema.setdefault(key, value)


def _name_keys_by_pattern(schema: dict[str, Any]) -> None:
    """State the pattern of an object's keys by ``propertyNames``: few generators know ``patternProperties``."""
    if "patternProperties" in schema:
        ((pattern, values),) = schema.pop("patternProperties").items()
        schema |= {"propertyNames": {"pattern": pattern}, "additionalProperties": values}


def _simplify_number(schema: dict[str, Any]) -> None:
    """State an integer or a number within the same limits as a number, which both are."""
    options = schema.get("anyOf", [])
    integers = [option for option in options if option.get("type") == "integer"]
    for option in integers:
        if option | {"type": "number"} in options:
            options.remove(option)
    if integers and len(options) == 1:
        schema |= schema.pop("anyOf")[0]


def _simplify_tuple(schema: dict[str, Any]) -> None:
    """State a tuple of equal parts as a list of so many: few generators know ``prefixItems``."""
    if "prefixItems" in schema:
        schema["items"], *_ = schema.pop("prefixItems")
