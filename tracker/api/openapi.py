"""What every operation has in common in the OpenAPI schema: the problems that any of them may be answered with."""

from typing import Any

from tracker.api.exceptions import CONTENT_TYPE

_REF = {"$ref": "#/components/schemas/Problem"}
_ANY = {
    "400": "something in the request cannot be taken",
    "406": "no answer in a form that the caller accepts",
    "503": "the database is away; nothing was stored, and `Retry-After` says when to try again",
}
_SIGNED_IN = {
    "401": "not signed in",
    "403": "not for this role, or not without a paired device or a new sign-in",
    "404": "nothing here, or nothing here for the caller",
}
_WITH_BODY = {"413": "the body is too large", "415": "the body is not JSON, or is encoded in an unknown way"}


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
