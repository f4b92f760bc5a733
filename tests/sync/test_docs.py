"""Every example of docs/sync.md is sent as it stands, in order, and answered as it says."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tests import factories
from tests.phone import Phone
from tracker.api.views import records, sync

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sync.md"
BLOCK = re.compile(r"```json (request|response) ([^\n]*)\n(.*?)```", re.DOTALL)
SHAPES: dict[str, type[BaseModel]] = {
    "sync/push": sync.PushReceipt,
    "sync/pull": sync.PullPage,
    "records/": records.RecordReply,
}


@dataclass(frozen=True)
class Example:
    method: str
    path: str
    headers: dict[str, str]
    body: Any
    status: int
    told: dict[str, str]
    answer: Any


def header(words: str) -> dict[str, str]:
    name, _, value = words.partition(": ")
    return {name: value} if value else {}


def examples(page: Path = PAGE) -> list[Example]:
    blocks = BLOCK.findall(page.read_text())
    found = []
    for (asks, request, sent), (answers, response, given) in zip(blocks[::2], blocks[1::2], strict=True):
        assert (asks, answers) == ("request", "response")
        method, path, *rest = request.split(" ", 2)
        status, *more = response.split(" ", 1)
        found.append(
            Example(
                method, path.removeprefix("/api/v1/"), header(*rest) if rest else {}, json.loads(sent or "null"),
                int(status), header(*more) if more else {}, json.loads(given or "null"),
            )
        )  # fmt: skip
    return found


def agrees(told: Any, real: Any) -> bool:
    """Whether ``real`` is what the page tells; "*" stands for anything, and "..." for further fields."""
    if told == "*":
        return True
    if isinstance(told, dict) and isinstance(real, dict) and "..." in told:
        real = {name: value for name, value in real.items() if name in told}
        told = {name: value for name, value in told.items() if name != "..."}
    if isinstance(told, dict):
        return (
            isinstance(real, dict)
            and told.keys() == real.keys()
            and all(agrees(value, real[name]) for name, value in told.items())
        )
    if isinstance(told, list):
        return (
            isinstance(real, list)
            and len(told) == len(real)
            and all(agrees(*pair) for pair in zip(told, real, strict=True))
        )
    return bool(told == real)


def test_the_page_holds_examples_of_every_status():
    told = {
        result["status"]
        for example in examples()
        if example.path == "sync/push"
        for result in example.answer["results"]
    }

    assert told >= {"stored", "conflict", "rejected", "retry"}


def test_every_example_is_answered_as_the_page_tells(world: factories.World):
    phone = Phone(world.ada.user)
    cursor = ""
    for example in examples():
        body = json.loads(json.dumps(example.body).replace("{device}", str(phone.device)))
        answer = phone.call(example.method, example.path.replace("{cursor}", cursor), body, **example.headers)

        assert answer.status_code == example.status, answer.content
        assert {name: answer.headers[name] for name in example.told} == example.told
        if example.answer is None:
            continue
        real = answer.json()
        assert agrees(example.answer, real), json.dumps(real, indent=1)
        next(shape for path, shape in SHAPES.items() if example.path.startswith(path)).model_validate(real)
        cursor = real.get("cursor", cursor)


@pytest.mark.parametrize(
    ("told", "real"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ([1], [1, 2]),
        ({"a": "*"}, {}),
        ({"a": 1, "...": "*"}, {"b": 2}),
    ],
)
def test_an_answer_that_is_not_as_told_is_noticed(told, real):
    assert not agrees(told, real)
