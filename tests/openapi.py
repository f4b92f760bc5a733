"""The OpenAPI document in tests: every answer that a phone gets is held against it."""

import re
from functools import cache
from typing import Any

import jsonschema_rs
from drf_spectacular.generators import SchemaGenerator

# Of what is described beside them.
CONDITIONS = ("if", "then", "else")
JSON = ("application/json", "application/fhir+json", "application/problem+json")


@cache
def document() -> dict[str, Any]:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    for component in schema["components"]["schemas"].values():
        _close(component)
    return dict(schema)


def _close(schema: Any) -> None:
    """Let no answer hold a field that the document does not name."""
    if isinstance(schema, dict):
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for name, part in schema.items():
            if name not in CONDITIONS:
                _close(part)
    if isinstance(schema, list):
        for part in schema:
            _close(part)


@cache
def _paths() -> list[tuple[re.Pattern[str], str]]:
    """Each path as a pattern, those without a variable first."""
    paths = sorted(document()["paths"], key=lambda path: (path.count("{"), path))
    return [(re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), path) for path in paths]


def operation(method: str, path: str) -> dict[str, Any] | None:
    """Return the operation of a request, if the document has it."""
    template = next((template for pattern, template in _paths() if pattern.fullmatch(path)), "")
    found: dict[str, Any] | None = document()["paths"].get(template, {}).get(method.lower())
    return found


@cache
def _validator(method: str, template: str, status: int, content_type: str) -> Any:
    content = document()["paths"][template][method]["responses"][str(status)].get("content", {})
    assert content_type in content, f"{method} {template}: {status} has no {content_type} in the document"
    schema = content[content_type]["schema"] | {"components": document()["components"]}
    return jsonschema_rs.validator_for(schema, validate_formats=True)


def problems(method: str, path: str, response: Any) -> list[str]:
    """Return what in an answer is not as the document says; nothing of routes that it does not have."""
    path = path.partition("?")[0]
    asked = operation("GET" if method == "HEAD" else method, path)
    if asked is None or response.status_code >= 500:
        return []
    status = response.status_code
    if str(status) not in asked["responses"]:
        return [f"{method} {path}: {status} is not in the document"]
    content_type = response.get("Content-Type", "").partition(";")[0]
    if method == "HEAD" or not response.content or content_type not in JSON:
        return []
    template = next(template for pattern, template in _paths() if pattern.fullmatch(path))
    validator = _validator(method.lower(), template, status, content_type)
    return [
        f"{method} {path}: {error.instance_path}: {error.message}"
        for error in validator.iter_errors(response.json())
    ]
