"""
The OpenAPI document of sign-in: allauth's own, of the routes that this product has, with what its answers are here.

A second document, since it is allauth's contract and not ours: ``docs/openapi-accounts.yaml``.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import Any

import yaml
from allauth.headless import spec as allauth_spec
from allauth.headless.adapter import get_adapter
from allauth.headless.spec.internal.openapikit import spec_for_dataclass
from django.conf import settings
from django.urls import Resolver404, resolve

from tracker.api.exceptions import CONTENT_TYPE
from tracker.api.openapi import DEVICE_ID, component_name
from tracker.api.openapi_hooks import RETRY_AFTER, simplify
from tracker.api.schemas import Problem

_PREFIX = "#/components/"
_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_PROBLEMS = {
    "403": "the token's phone is not named or not paired, or the account forbids it",
    "408": "the body did not come whole in time",
    "413": "the body is too large",
    "415": "the body is not JSON",
    "429": "too many tries, or too many requests; `Retry-After` says when to try again",
    "503": "the database is not available; `Retry-After` says when to try again",
}
_DEVICE = {
    "name": "X-Device",
    "in": "header",
    "description": "The phone's id: a paired token works with it alone. Send it with the sign-in too.",
    "schema": DEVICE_ID,
}
# What allauth answers and does not describe.
_ANSWERS = {
    "account/authenticators/recovery-codes post": "RecoveryCodes",
    "account/password/change post": "AuthenticatedByPassword",
}
_UNAUTHENTICATED = {"401": "AuthenticationOrReauthentication", "410": "SessionGone"}
_BASE = "/_allauth/app/v1/"
_DESCRIPTION = """\
Sign-in, second factor, password reset and re-authentication of a phone, by django-allauth's headless API. Its answers
have the shape `{status, data, meta}`; what this product refuses itself is a problem, as everywhere (`docs/errors.md`).

401 with `meta.is_authenticated` true asks for a new sign-in of the last five minutes, else for a sign-in or the step
that `data.flows` names. 410: the token is no longer good (the routes below `/api/v1` answer it with 401). A sign-in is
sent without `X-Session-Token`: with one that holds it is 409, with another 410. What is wrong with a field of a 400 is
in `errors[].code`, such as `email_password_mismatch`, `incorrect_password`, `incorrect_code`; there is no `code` beside
`status`. 404 of `account/authenticators/totp` is no error: its `meta` has the secret to set one up with.

After the sign-in the phone is paired (`POST /api/v1/devices` of the other document, `openapi.yaml`).
"""
_TAGS = {
    "Configuration": "What the server offers.",
    "Authentication: Account": "Sign-in by address and password, and re-authentication.",
    "Authentication: Password Reset": "A forgotten password: a link by mail, and a new password by its key.",
    "Authentication: 2FA": "The second step of a sign-in: a code of an authenticator app, or a recovery code.",
    "Authentication: WebAuthn: Login": "Passkeys: as a sign-in, as its second step, and to authenticate anew.",
    "Authentication: Current Session": "Whose the token is; sign-out.",
    "Account: 2FA": "Second factors: authenticator app and recovery codes.",
    "Account: WebAuthn": "Second factors: passkeys.",
    "Account: Password": "A new password.",
}


class _Dumper(yaml.SafeDumper):
    """Writes each part where it stands: few readers of YAML are told of anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def as_yaml() -> str:
    """Return the document as it is kept in git."""
    text: str = yaml.dump(document(), Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return text


def document() -> dict[str, Any]:
    """Return the document."""
    original = yaml.safe_load(resources.files(allauth_spec).joinpath("doc/openapi.yaml").read_text("utf-8"))
    components = original["components"]
    components["schemas"]["User"] = spec_for_dataclass(get_adapter().get_user_dataclass())[0]
    components["schemas"] |= _problem_schemas()
    components["securitySchemes"] = {
        "SessionToken": {
            "type": "apiKey",
            "in": "header",
            "name": "X-Session-Token",
            "description": "The `meta.session_token` of the answers, also of a sign-in whose second step is due.",
        }
    }
    # It names some, and not those of passkeys; and null of a session that is no more.
    del components["schemas"]["Flow"]["properties"]["id"]["enum"]
    meta = components["schemas"]["AuthenticationMeta"]["allOf"][1]["properties"]
    meta["is_authenticated"] = {"type": ["boolean", "null"]}
    del components["examples"]
    paths = _paths(original["paths"])
    used = {tag for path in paths.values() for operation in path.values() for tag in operation["tags"]}
    result = {
        "openapi": "3.1.0",
        "info": {
            "title": "Interlude: accounts",
            "version": settings.VERSION,
            "description": _DESCRIPTION,
            "contact": settings.SPECTACULAR_SETTINGS["CONTACT"],
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": settings.SPECTACULAR_SETTINGS["SERVERS"],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items() if name in used],
        "paths": paths,
        "components": components,
    }
    _mend(result)
    _merge_variants(result["components"], result["components"])
    _prune(result)
    return result


def _problem_schemas() -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template=_PREFIX + "schemas/{model}")
    schemas = {component_name(name): part for name, part in schema.pop("$defs").items()} | {"Problem": schema}
    for each in schemas.values():
        simplify(each)
    return schemas


def _paths(paths: Mapping[str, Any]) -> dict[str, Any]:
    """The routes that there are, for apps: with an id, a security requirement and our refusals each."""
    found = {}
    for template, operations in paths.items():
        path = template.replace("{client}", "app")
        try:
            resolve(path)
        except Resolver404:
            continue
        name = path.removeprefix(_BASE)
        found[path] = {method: _operation(name, method, each) for method, each in operations.items()}
    return found


def _operation(name: str, method: str, original: Mapping[str, Any]) -> dict[str, Any]:
    parameters = {
        str(each.get("$ref", "")).rpartition("/")[2]: each for each in original.get("parameters", ())
    }
    parameters.pop("Client", None)
    takes_token = parameters.pop("SessionToken", None) is not None
    responses = {str(status): dict(each) for status, each in original["responses"].items()}
    if answer := _ANSWERS.get(f"{name} {method}"):
        responses["200"] = {"$ref": f"{_PREFIX}responses/{answer}"}
    for status, answer in _UNAUTHENTICATED.items():
        responses.setdefault(status, {"$ref": f"{_PREFIX}responses/{answer}"})
    for status, meaning in _PROBLEMS.items():
        responses.setdefault(status, _problem(status, meaning))
    return {
        "description": original["summary"],
        **original,
        "operationId": re.sub(r"\W", "_", f"{name}_{method}"),
        "parameters": [*parameters.values(), _DEVICE],
        # A first step has no token; the same routes take one too.
        "security": [{"SessionToken": []}] if takes_token else [],
        "responses": dict(sorted(responses.items())),
    }


def _problem(status: str, meaning: str) -> dict[str, Any]:
    response: dict[str, Any] = {"description": meaning, "content": {CONTENT_TYPE: {"schema": _PROBLEM}}}
    return response | ({"headers": RETRY_AFTER} if status in ("429", "503") else {})


def _mend(schema: Any) -> None:
    """Say in OpenAPI 3.1 what allauth says in 3.0, and leave out what generators stumble over."""
    if isinstance(schema, list):
        for part in schema:
            _mend(part)
    if not isinstance(schema, dict):
        return
    for name in ("example", "examples"):
        schema.pop(name, None)
    if schema.pop("nullable", False):
        schema["anyOf"] = [{**schema}, {"type": "null"}]
        for name in set(schema) - {"anyOf"}:
            del schema[name]
    if "properties" in schema and "required" in schema:
        schema["required"] = [name for name in schema["required"] if name in schema["properties"]]
    for part in schema.values():
        _mend(part)


def _merge_variants(part: Any, components: Mapping[str, Any]) -> None:
    """State variants of an object that share their fields as one object: nothing in them tells a client which it is."""
    if isinstance(part, dict):
        for each in part.values():
            _merge_variants(each, components)
        if "oneOf" in part:
            variants = [_resolved(each, components) for each in part["oneOf"]]
            if not all("allOf" in each for each in variants):
                part |= _merged(part.pop("oneOf"), components)
    if isinstance(part, list):
        for each in part:
            _merge_variants(each, components)


def _resolved(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in schema:
        return schema
    section, _, name = schema["$ref"].removeprefix(_PREFIX).partition("/")
    return _resolved(components[section][name], components)


def _merged(variants: Sequence[Mapping[str, Any]], components: Mapping[str, Any]) -> dict[str, Any]:
    first, *others = variants
    if all(each == first for each in others):
        return dict(first)
    schemas = [_resolved(each, components) for each in variants]
    if all("enum" in each for each in schemas):
        values = dict.fromkeys(value for each in schemas for value in each["enum"])
        return {"type": schemas[0]["type"], "enum": list(values)}
    if not all("properties" in each for each in schemas):
        return dict(first)
    names = list(dict.fromkeys(name for each in schemas for name in each["properties"]))
    required = [name for name in names if all(name in each.get("required", ()) for each in schemas)]
    return {
        "type": "object",
        "properties": {
            name: _merged(
                [each["properties"][name] for each in schemas if name in each["properties"]], components
            )
            for name in names
        },
        "required": required,
    }


def _references(part: Any) -> Iterator[tuple[str, str]]:
    if isinstance(part, dict):
        if isinstance(reference := part.get("$ref"), str):
            section, _, name = reference.removeprefix(_PREFIX).partition("/")
            yield section, name
        for each in part.values():
            yield from _references(each)
    if isinstance(part, list):
        for each in part:
            yield from _references(each)


def _prune(result: dict[str, Any]) -> None:
    """Keep the components that a path reaches."""
    components = result["components"]
    reached, due = set[tuple[str, str]](), set(_references(result["paths"]))
    while due:
        reached |= due
        due = {each for section, name in due for each in _references(components[section][name])} - reached
    for section in [section for section in components if section != "securitySchemes"]:
        kept = {name: part for name, part in components[section].items() if (section, name) in reached}
        components[section] = kept
        if not kept:
            del components[section]
