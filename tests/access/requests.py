"""Which requests there are: every route and method of the resolver, every actor, everybody's resources."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.access.accounts import ACCOUNTS, BEGINNINGS, Own
from tests.access.actors import Actor, Scenario
from tests.access.client import Ask, is_account, is_api
from tests.access.expectations import API, FIXED_IN_PATH, IN_PATH, IN_PATH_OF, PAGES, Row
from tests.access.resources import Resource
from tracker.access import checks

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
FEW = frozenset({"nobody", "bea", "ben", "cleo", "eve"})
_PARAMETER = re.compile(r"<\w+:(\w+)>|\(\?P<(\w+)>[^)]*\)")


def routes() -> list[str]:
    """Every path that the resolver serves."""
    return [path for path, _ in checks.routes()]


def routes_without_row() -> list[str]:
    """Every served path of which the table does not know."""
    known = {name.split(" ", 1)[1] for name in (*API, *PAGES)} | ACCOUNTS.keys()
    return [path for path in routes() if path not in known]


def rows_without_route() -> list[str]:
    """Every row whose path is not served any more."""
    served = set(routes())
    return [name for name in (*API, *PAGES) if name.split(" ", 1)[1] not in served] + [
        name for name in ACCOUNTS if name not in served
    ]


def rows_of(route: str, method: str) -> tuple[Row, ...]:
    """The rows of a route and method; HEAD is a GET without a body, where the API is concerned."""
    asked = "GET" if method == "HEAD" and is_api(route) else method
    found = ({**API, **PAGES}).get(f"{asked} {route}", ())
    return (found,) if isinstance(found, Row) else found


def address(route: str, resource: Resource, **others: Resource) -> str:
    """The path with the ids of ``resource``, of ``others`` where named; KeyError if there is nothing of that kind."""
    named = IN_PATH | IN_PATH_OF.get(route, {})

    def fill(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        return FIXED_IN_PATH[name] if name in FIXED_IN_PATH else others.get(name, resource)[named[name]]

    return "/" + _PARAMETER.sub(fill, route).replace("^", "").replace("$", "")


def asks(scenario: Scenario) -> Iterator[Ask]:
    """Every request of the plain matrix."""
    for route in routes():
        for method in METHODS:
            for actor in scenario.actors.values():
                about = _about_account if is_account(route) else _about
                yield from about(scenario, route, method, actor)


def few(scenario: Scenario) -> Iterator[Ask]:
    """Of the plain matrix what every run of the suite asks: the same each time."""
    for ask in asks(scenario):
        known = ask.method in {"GET", "POST", "PUT", "DELETE"} and (
            rows_of(ask.route, ask.method) or (ask.expected and is_account(ask.route))
        )
        # What is the same for everybody is asked for all by the long suite.
        if ask.actor.name != "nobody" and any(row.public for row in rows_of(ask.route, ask.method)):
            continue
        near = ask.whose in {"", "ada", "missing", ask.actor.name}
        if known and near and not ask.aside and ask.actor.name in FEW:
            yield ask


def _about(scenario: Scenario, route: str, method: str, actor: Actor) -> Iterator[Ask]:
    rows = rows_of(route, method)
    if not rows:
        path = address(route, scenario.resources["missing"])
        yield Ask(actor, method, route, path, _not_served(route, method, actor))
    for number, row in enumerate(rows):
        for ask in _of_row(scenario, route, method, actor, row):
            yield replace(ask, row=number)


def _not_served(route: str, method: str, actor: Actor) -> int:
    """A method that the route does not have: 405 for whoever may come in; the API asks first who it is."""
    public = any(row.public for name in METHODS for row in rows_of(route, name))
    if method == "OPTIONS" and is_api(route) and not public:
        return 200 if actor.is_in else gate(route, actor)
    if route == "api/v1/invitations/accept" and method == "OPTIONS":
        return 200
    return 405 if public or not is_api(route) or actor.is_in else gate(route, actor)


def gate(route: str, actor: Actor) -> int:
    """What somebody meets who is not in: for programs a refusal, for people the way to the sign-in."""
    if not is_api(route):
        return 302
    return 403 if actor.half else 401


def _of_row(scenario: Scenario, route: str, method: str, actor: Actor, row: Row) -> Iterator[Ask]:
    missing = scenario.resources["missing"]
    if row.reach is None:
        body = row.body(missing) if row.body else None
        status = expected(route, actor, row, None)
        yield Ask(actor, method, route, address(route, missing), status, body=body, query=row.fixed)
        return
    for whose, resource in scenario.resources.items():
        made = _of_thing(route, row, resource)
        if made is None:
            continue
        reached = row.reach(actor, whose)
        status = expected(route, actor, row, reached)
        refused = actor.is_in and actor.role in row.roles and not reached
        ask = Ask(actor, method, route, made[0], status, whose, made[1], made[2], refused=refused)
        yield ask
        yield from _crossed(scenario, ask, row)
        if row.asked_unnamed and row.query and ("<" in route or whose == "missing"):
            yield replace(_unnamed(ask, row, reached), aside=True)


def _of_thing(route: str, row: Row, resource: Resource) -> tuple[str, dict[str, str], Any] | None:
    """Path, query and body about a resource; None if there is nothing of that kind about its owner."""
    try:
        query = dict(row.fixed) | {name: resource[what] for name, what in row.query.items()}
        return address(route, resource), query, row.body(resource) if row.body else None
    except KeyError:
        return None


def _crossed(scenario: Scenario, ask: Ask, row: Row) -> Iterator[Ask]:
    """The id of one resource, under the name of another patient whom the actor does reach: as if it did not exist."""
    if ask.route.count("<") < 1 or not ask.actor.is_in or ask.actor.role not in row.roles:
        return
    for other in ask.actor.ties:
        if other == ask.whose:
            continue
        resource, named = scenario.resources[ask.whose], scenario.resources[other]
        status = row.crossed if row.reach and row.reach(ask.actor, other) else 404
        crossed = replace(ask, expected=status, refused=status == 404, aside=True)
        if row.query:
            yield replace(crossed, query=dict(ask.query) | {"patient": named["patient"]})
        elif ask.route.count("<") > 1 and "patient_id" in ask.route:
            yield replace(crossed, path=address(ask.route, resource, patient_id=named))


def _unnamed(ask: Ask, row: Row, reached: bool) -> Ask:
    """The same without ``?patient=``: a patient means herself, and all others must say whom they mean."""
    fixed = dict(row.fixed)
    if not ask.actor.is_in or ask.actor.role not in row.roles:
        return replace(ask, query=fixed)
    if ask.actor.role == "PRIVACY_OFFICER":
        return replace(ask, query=fixed, expected=200, refused=False)
    if ask.actor.role != "PATIENT":
        return replace(ask, query=fixed, expected=400, refused=False)
    by_id = "<" in ask.route
    return replace(
        ask, query=fixed, expected=ask.expected if by_id else row.answer, refused=by_id and not reached
    )


def expected(route: str, actor: Actor, row: Row, reached: bool | None) -> int:
    """What the table says."""
    if row.public:
        return row.answer
    if not actor.is_in:
        return gate(route, actor)
    if actor.role not in row.roles:
        return 400 if actor.role in row.must_name else row.others
    return row.refused if reached is False else row.answer_of.get(actor.role, row.answer)


def _about_account(scenario: Scenario, route: str, method: str, actor: Actor) -> Iterator[Ask]:
    path, row = address(route, scenario.resources["missing"]), ACCOUNTS.get(route)
    if method not in {"GET", "POST"} and actor.name not in {"nobody", "ended", "ben", "kim"}:
        return
    if method not in {"GET", "POST"} or row is None:
        # Whatever it is: no error of ours, and no leak.
        yield Ask(actor, method, route, path, 0)
        return
    place = 0 if method == "GET" else 1
    yield Ask(actor, method, route, path, _of_account(route, row, actor)[place])
    if "<int:pk>" in route and actor.is_in and actor.role not in {"PATIENT", "CAREGIVER"}:
        for whose, resource in scenario.resources.items():
            if "passkey" in resource and whose != actor.name:
                yield Ask(actor, method, route, address(route, resource), 404, whose, refused=True)


def _of_account(route: str, row: Own, actor: Actor) -> tuple[int, int]:
    if actor.name == "ended" and route.startswith("_allauth/"):
        # The app is told that its session has ended; where one begins, a token that is no longer good counts as none.
        get, post = (code if code == 405 or route in BEGINNINGS else 410 for code in row.out)
        return get, post
    if actor.name in {"nobody", "ended", "ivo"}:
        return row.out
    # Staff, but for Kim, have shown their second factor; patients and caregivers have a passkey, and have not.
    unshown = actor.half or actor.role in {"PATIENT", "CAREGIVER"} or actor.name == "cora"
    return row.unshown if unshown and row.unshown else row.signed_in
