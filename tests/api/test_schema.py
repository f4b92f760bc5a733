"""Every operation of the schema, asked at random: no 500, no status or body that the schema does not tell of."""

import gzip
import json
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from django.core.cache import cache
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response as Answer
from schemathesis.specs.openapi import checks

from tests import factories
from tests.phone import Phone
from tests.sync.test_kinds import WHOLE
from tracker.lib import strict_json
from tracker.progress import actions as progress
from tracker.records.kinds import KINDS
from tracker.sync import parsing

# What is looked at in each answer. What ought to be refused or taken is told by other tests, field by field.
CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
# What no JSON Schema can say: one field against another.
ACROSS_FIELDS = frozenset(
    {
        "duplicate",
        "duration_without_effect",
        "invalid_sleep_interval",
        "least_above_worst",
        "systolic_not_above_diastolic",
    }
)
# What depends on who asks, when, and what there is: a patient names no patient, a cursor is one of ours, an address is
# one that mail reaches, a day is not after another.
OF_THE_MOMENT = frozenset(
    {
        "bad_format",
        "bad_text",
        "in_the_past",
        "invalid_cursor",
        "mismatch",
        "missing_field",
        "not_this_device",
        "out_of_range",
    }
)
MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)


@pytest.fixture
def staged(world: factories.World) -> factories.World:
    """Ada has something of every kind to show, something that raises an alert, and her weeks."""
    Phone(world.ada.user).push(
        *[factories.record(kind, data) for kind, data in WHOLE.items()], factories.phq9([0] * 8 + [2])
    )
    progress.refresh_stale(at=timezone.now())
    return world


def named(world: factories.World) -> dict[str, list[str]]:
    """What there is, by the name of the parameter that asks for it."""
    ada, ben = Phone(world.ada.user), Phone(world.ben.user)
    return {
        "patient": [str(world.ada.pk)],
        "record_id": [one["id"] for one in ada.get("records").json()["records"]],
        "summary_id": [one["id"] for one in ada.get("summaries").json()["summaries"]],
        "alert_id": [one["id"] for one in ben.get("alerts").json()["alerts"]],
        "instrument": ["phq-9"],
        "version": ["1999"],
        "measure": ["pain.intensity", "daily.mood"],
    }


def aim(case: Any, there: dict[str, list[str]], number: int) -> None:
    """Ask for what there is: an id at random is nobody's, and would only ever show 404."""
    for asked_for in (case.path_parameters, case.query):
        for name in asked_for or ():
            if name in there:
                asked_for[name] = there[name][number % len(there[name])]


@pytest.fixture
def document(client) -> dict[str, Any]:
    answer = client.get("/api/v1/schema", headers={"Accept": "application/vnd.oai.openapi+json"})
    return dict(answer.json())


@pytest.fixture
def schema(document: dict[str, Any]) -> Any:
    return schemathesis.openapi.from_dict(document)


def operations(schema: Any) -> Iterator[Any]:
    for found in schema.get_all_operations():
        yield found.ok()


def asked(phone: Phone, case: Any) -> Answer:
    """Put the case to the product as ``phone``, and return its answer as the checks want it."""
    # Else the throttle would soon answer instead of the view.
    cache.clear()
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
    is_packed = reply.get("Content-Encoding") == "gzip"
    return Answer(
        reply.status_code,
        {name: [value] for name, value in reply.headers.items()},
        gzip.decompress(reply.content) if is_packed else reply.content,
        request,
        0.01,
        False,
    )


def generated(examples: int) -> settings:
    return settings(
        max_examples=examples, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip


def examine(
    phone: Phone, operation: Any, examples: int, there: dict[str, list[str]], found: list[str]
) -> None:
    """
    Ask ``operation`` so many times; note what is wrong. Half of them in a shape that it does not take, and half for
    something that is there.
    """
    strategy = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in MODES))

    @seed(factories.SEED)
    @generated(examples)
    @given(case=strategy, number=st.none() | st.integers(0, 99))
    def ask(case: Any, number: int | None) -> None:
        if number is not None:
            aim(case, there, number)
        case.validate_response(asked(phone, case), checks=CHECKS)

    try:
        ask()
    except (Exception, FailureGroup) as problem:
        found.append(f"{operation.label}: {problem}")


def walk(world: factories.World, schema: Any, who: str, examples: int) -> list[str]:
    phone, there, found = Phone(getattr(world, who).user), named(world), list[str]()
    assert all(there.values())
    for operation in operations(schema):
        examine(phone, operation, examples, there, found)
    return found


@pytest.mark.parametrize("who", ["ada", "ben"])
def test_every_operation_answers_as_the_schema_tells(staged, schema, who):
    found = walk(staged, schema, who, 3)

    assert not found, "\n\n".join(found)


@pytest.mark.full
@pytest.mark.parametrize("who", ["ada", "ben", "eve"])
def test_every_operation_answers_as_the_schema_tells_whatever_is_asked(staged, schema, who):
    found = walk(staged, schema, who, 40)

    assert not found, "\n\n".join(found)


def positive(operation: Any, examples: int) -> list[Any]:
    """Bodies that fit the schema of an operation."""
    bodies: list[Any] = []

    @seed(factories.SEED)
    @generated(examples)
    @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE))
    def collect(case: Any) -> None:
        if isinstance(case.body, dict):
            bodies.append(case.body)

    collect()
    return bodies


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_that_fits_the_schema_is_taken(document, kind):
    named = document["components"]["schemas"]
    named["RecordRequest"] = {"$ref": named["RecordRequest"]["discriminator"]["mapping"][kind]}
    bodies = positive(schemathesis.openapi.from_dict(document)["/api/v1/records"]["POST"], 30)

    refused = [
        (error.pointer, error.code, error.detail)
        for body in bodies
        if isinstance(
            item := parsing.parse(strict_json.decode_object(json.dumps(body).encode())), parsing.InvalidItem
        )
        for error in item.errors
    ]

    assert {body["kind"] for body in bodies} == {kind}
    assert [each for each in refused if each[1] not in ACROSS_FIELDS] == []


@pytest.mark.full
@pytest.mark.parametrize("who", ["ada", "ben", "eve"])
def test_nothing_that_fits_the_schema_is_refused_for_its_shape(staged, schema, who):
    phone, there = Phone(getattr(staged, who).user), named(staged)
    refused: set[tuple[str, str, str]] = set()

    def ask(case: Any, number: int) -> None:
        aim(case, there, number)
        answer = asked(phone, case)
        if answer.status_code == 400:
            problem = json.loads(answer.content)
            for each in problem.get("errors") or [{"code": problem["code"]}]:
                place = each.get("pointer") or each.get("parameter", "")
                refused.add((case.operation.label, place, each["code"]))

    for operation in operations(schema):
        fitting = operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)
        seed(factories.SEED)(generated(12)(given(case=fitting, number=st.integers(0, 99))(ask)))()

    assert sorted(each for each in refused if each[2] not in ACROSS_FIELDS | OF_THE_MOMENT) == []
