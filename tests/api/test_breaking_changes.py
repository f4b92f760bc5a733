"""The contract with apps: a breaking change of an OpenAPI document fails unless CHANGELOG.md names it."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.breaking_changes import breaking_changes

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ("openapi.yaml", "openapi-accounts.yaml")
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(path: Path) -> Any:
    return yaml.load(path.read_text(), LOADER)


RELEASED = {name: read(ROOT / "docs" / "released" / name) for name in DOCUMENTS}
API = RELEASED["openapi.yaml"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_breaking_change_of_an_openapi_document_is_named_in_the_changelog(name):
    """
    If this fails, take the change back, or name each line, in backticks, under `Changed` in CHANGELOG.md.

    With a release the documents are copied into docs/released/, and the count begins anew.
    """
    said = (ROOT / "CHANGELOG.md").read_text()
    found = breaking_changes(RELEASED[name], read(ROOT / "docs" / name))

    assert [line for line in found if f"`{line}`" not in said] == []


def schemas(document: Any) -> Any:
    return document["components"]["schemas"]


PATH = "/api/v1/sync/push"
BREAKS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a path": (lambda it: it["paths"].pop(PATH), f"POST {PATH}: removed"),
    "an operation": (
        lambda it: it["paths"]["/api/v1/records/{record_id}"].pop("delete"),
        "DELETE /api/v1/records/{record_id}: removed",
    ),
    "a field of an answer": (lambda it: schemas(it)["Me"]["properties"].pop("name"), "answer Me.name: removed"),
    "a field that is always there": (
        lambda it: schemas(it)["Me"]["required"].remove("name"),
        "answer Me.name: may be absent",
    ),
    "a field of a request": (
        lambda it: schemas(it)["PainData"]["properties"].pop("least"),
        "request PainData.least: removed",
    ),
    "a new required field": (
        lambda it: schemas(it)["PushRequest"]["required"].append("cursor"),
        "request PushRequest.cursor: is required",
    ),
    "a code": (
        lambda it: schemas(it)["PainQuality"]["enum"].remove("burning"),
        "request PainQuality: takes no burning",
    ),
    "a narrower limit": (
        lambda it: schemas(it)["PainData"]["properties"]["intensity"].update(maximum=5),
        "request PainData.intensity: maximum 5",
    ),
    "a new limit": (
        lambda it: schemas(it)["PushRequest"]["properties"]["records"].update(minItems=2),
        "request PushRequest.records: minItems 2",
    ),
    "another type": (
        lambda it: schemas(it)["Me"]["properties"]["name"].update(type="integer"),
        "answer Me.name: may be integer",
    ),
    "a kind of record": (
        lambda it: schemas(it)["RecordRequest"]["discriminator"]["mapping"].pop("sleep"),
        "request RecordRequest sleep: removed",
    ),
    "an answer": (lambda it: it["paths"][PATH]["post"]["responses"].pop("200"), f"POST {PATH} 200: removed"),
    "a query parameter": (
        lambda it: it["paths"]["/api/v1/summaries"]["get"]["parameters"].clear(),
        "GET /api/v1/summaries: takes no week in query",
    ),
    "a new required header": (
        lambda it: it["paths"]["/api/v1/me"]["get"]["parameters"].append(
            {"name": "X-New", "in": "header", "required": True, "schema": {"type": "string"}}
        ),
        "GET /api/v1/me: needs X-New in header",
    ),
    "a required body": (
        lambda it: it["paths"]["/api/v1/me"]["get"].update(
            requestBody={"content": {"application/json": {"schema": {"type": "object"}}}, "required": True}
        ),
        "GET /api/v1/me: needs a body",
    ),
    "a sign-in": (
        lambda it: it["paths"]["/api/v1/invitations/accept"]["post"].update(security=[{"SessionToken": []}]),
        "POST /api/v1/invitations/accept: needs a sign-in",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "line"), BREAKS.values(), ids=list(BREAKS))
def test_a_breaking_change_that_was_planted_in_the_openapi_document_is_found(change, line):
    new = copy.deepcopy(API)
    change(new)

    assert line in breaking_changes(API, new)


def test_a_new_path_field_or_code_of_an_answer_and_a_wider_limit_are_no_breaking_changes():
    new = copy.deepcopy(API)
    new["paths"]["/api/v1/new"] = new["paths"]["/api/v1/me"]
    schemas(new)["Me"]["properties"]["new"] = {"type": "string"}
    schemas(new)["Me"]["required"].append("new")
    schemas(new)["PushStatus"]["enum"].append("new")
    schemas(new)["PainQuality"]["enum"].append("new")
    schemas(new)["PainData"]["properties"]["new"] = {"type": "string"}
    schemas(new)["JournalData"]["properties"]["text"]["maxLength"] *= 2
    body = {"content": {"application/json": {"schema": {"type": "object"}}}}
    new["paths"]["/api/v1/me"]["get"]["requestBody"] = body

    assert breaking_changes(API, new) == []
