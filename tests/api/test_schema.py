"""Every operation of the schema, asked at random: no 500, no status or body that the schema does not tell of."""

import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response as Answer
from schemathesis.specs.openapi import checks

from tests import make
from tests.phone import Phone
from tests.sync.test_kinds import WHOLE

# What is looked at in each answer. What ought to be refused or taken is told by other tests, field by field.
CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)


@pytest.fixture
def staged(world: make.World) -> make.World:
    """Ada has something of every kind to show, and something that worries."""
    Phone(world.ada.user).push(
        *[make.record(kind, data) for kind, data in WHOLE.items()], make.phq9([0] * 8 + [2])
    )
    return world


@pytest.fixture
def schema(client) -> Any:
    document = client.get("/api/v1/schema", headers={"Accept": "application/vnd.oai.openapi+json"}).json()
    return schemathesis.openapi.from_dict(document)


def operations(schema: Any) -> Iterator[Any]:
    for found in schema.get_all_operations():
        yield found.ok()


def asked(phone: Phone, case: Any) -> Answer:
    """Put the case to the product as ``phone``, and return its answer as the checks want it."""
    sent = case.as_transport_kwargs(base_url="http://testserver")
    request = requests.Request(
        sent["method"], sent["url"], headers=sent["headers"], params=sent.get("params"),
        data=sent.get("data"), json=sent.get("json"), cookies=sent.get("cookies"),
    ).prepare()  # fmt: skip
    url = urllib.parse.urlsplit(str(request.url))
    body = request.body.encode() if isinstance(request.body, str) else request.body or b""
    headers = {
        name: str(value) for name, value in request.headers.items() if name.lower() != "content-length"
    }
    reply = phone.client.generic(
        str(request.method), urllib.parse.unquote(url.path), body, headers.pop("Content-Type", ""),
        headers=headers | phone.headers, QUERY_STRING=url.query,
    )  # fmt: skip
    return Answer(
        reply.status_code,
        {name: [value] for name, value in reply.headers.items()},
        reply.content,
        request,
        0.01,
        False,
    )


def examine(phone: Phone, operation: Any, examples: int, found: list[str]) -> None:
    """Ask ``operation`` so many times, half of them in a shape that it does not take; note what is wrong."""
    strategy = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in MODES))

    @seed(make.SEED)
    @settings(
        max_examples=examples, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip
    @given(case=strategy)
    def ask(case: Any) -> None:
        case.validate_response(asked(phone, case), checks=CHECKS)

    try:
        ask()
    except (Exception, FailureGroup) as problem:
        found.append(f"{operation.label}: {problem}")


def walk(world: make.World, schema: Any, who: str, examples: int) -> list[str]:
    phone, found = Phone(getattr(world, who).user), list[str]()
    for operation in operations(schema):
        examine(phone, operation, examples, found)
    return found


@pytest.mark.parametrize("who", ["ada", "ben"])
def test_every_operation_answers_as_the_schema_tells(staged, schema, who):
    found = walk(staged, schema, who, 5)

    assert not found, "\n\n".join(found)


@pytest.mark.full
@pytest.mark.parametrize("who", ["ada", "ben", "eve"])
def test_every_operation_answers_as_the_schema_tells_whatever_is_asked(staged, schema, who):
    found = walk(staged, schema, who, 60)

    assert not found, "\n\n".join(found)
