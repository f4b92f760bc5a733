"""Ids of others put where a careless server would believe them: in a header, in the query, in the body."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace

from tests.access.actors import Scenario
from tests.access.checks import Checker
from tests.access.client import Answer, Ask, is_account, is_api
from tests.access.requests import asks, rows_of

NAMES = ("patient", "patient_id", "clinic", "clinic_id", "owner", "user")
HEADERS = ("X-Patient", "X-Patient-Id", "X-Clinic", "X-Clinic-Id", "X-Owner", "X-User", "X-Tenant")
WHO = ("nobody", "bea", "carl", "ben", "cleo", "hal", "finn", "eve", "olga")
_SENT = re.compile(rb"<sent>-*")
_ID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def bases(scenario: Scenario, who: tuple[str, ...]) -> list[Ask]:
    """One good request of each actor for each row: about what is theirs, if anything is."""
    found: dict[tuple[str, str, str, int], Ask] = {}
    for ask in asks(scenario):
        if (
            is_account(ask.route)
            or ask.aside
            or ask.actor.name not in who
            or ask.method in {"HEAD", "OPTIONS"}
        ):
            continue
        if any(row.public for row in rows_of(ask.route, ask.method)):
            continue
        key = (ask.actor.name, ask.method, ask.route, ask.row)
        if rows_of(ask.route, ask.method) and (key not in found or (found[key].refused and not ask.refused)):
            found[key] = ask
    return list(found.values())


def values(scenario: Scenario, ask: Ask) -> dict[str, str]:
    """Each name with an id of somebody with whom the actor has nothing to do."""
    victim = next(name for name in ("ada", "bea", "gus") if name not in ask.actor.ties)
    elsewhere = scenario.resources["ada" if ask.actor.place == "there" else "gus"]["clinic"]
    resource = scenario.resources[victim]
    return {
        "patient": resource["patient"], "patient_id": resource["patient"], "clinic": elsewhere,
        "clinic_id": elsewhere, "owner": resource["user"], "user": resource["user"],
    }  # fmt: skip


def with_foreign_ids(scenario: Scenario, ask: Ask) -> Iterator[tuple[Ask, set[str]]]:
    """The same request with ids of others, and the names under which a refusal must show each of them."""
    given = values(scenario, ask)
    of_header = {name: given[name.removeprefix("X-").lower().replace("-", "_").replace("tenant", "clinic")]
                 for name in HEADERS}  # fmt: skip
    yield replace(ask, headers=of_header, expected=0), set()
    extra = {
        name: value for name, value in given.items() if name not in ask.query and not _is_asked(ask, name)
    }
    yield replace(ask, query=dict(ask.query) | extra, expected=0), set(extra)
    if ask.method == "GET":
        return
    for name in NAMES:
        if name not in (ask.body or {}):
            yield replace(ask, body=(ask.body or {}) | {name: given[name]}, expected=0), {name}


def _is_asked(ask: Ask, name: str) -> bool:
    """Whether the route itself takes this name in its query: that is no id injection, and part of the plain matrix."""
    return any(name in row.query for row in rows_of(ask.route, ask.method))


def check_injection(checker: Checker, who: tuple[str, ...] = WHO, of: str | None = None) -> Checker:
    """
    Ask each resource plainly and with ids of others: the answers are the same, or name what was refused.

    ``of`` is one route; otherwise all.
    """
    for ask in bases(checker.scenario, who):
        if of is not None and ask.route != of:
            continue
        plain = checker.send(ask)
        for changed, names in with_foreign_ids(checker.scenario, ask):
            answer = checker.send(changed)
            if not _is_same(ask, plain, answer) and not _is_refused(answer, names):
                checker.wrong.append(f"id injection changed {plain.status} to {answer.status}: {changed}")
    return checker


def _is_same(ask: Ask, plain: Answer, answer: Answer) -> bool:
    if not ask.actor.is_in and not is_api(ask.route):
        return plain.status == answer.status  # the way back after signing in keeps the query
    known = [_ID.sub(b"", _SENT.sub(b"", each.whole)) for each in (plain, answer)]
    return plain.status == answer.status and known[0] == known[1]


def _is_refused(answer: Answer, names: set[str]) -> bool:
    """A 400 that names each of what it does not know."""
    if answer.status != 400 or not names:
        return False
    told = {
        (error.get("parameter") or error["pointer"]).rpartition("/")[2]
        for error in json.loads(answer.body).get("errors", ())
    }
    return names <= told
