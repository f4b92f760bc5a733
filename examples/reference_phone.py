"""
A phone, as the protocol means it (``docs/sync.md``): it writes first to its own ledger and syncs when there is a line.

It needs Python's standard library and nothing else, so that an app developer can read it as the executable description
of the protocol. Tests and the demo use it as it stands; as a program it keeps a ledger in a file:

    PHONE_PASSWORD=... python examples/reference_phone.py --url http://127.0.0.1:8000 --email ada@example.org \
        --ledger ada.sqlite add sync < records.jsonl

What it never does: forget an entry before the server has acknowledged it, send a record under another id, send a
batch under another key while its answer is outstanding, or overwrite an edit that its owner has not seen.
"""

import argparse
import contextlib
import json
import os
import random
import sqlite3
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPResponse
from typing import Any
from zoneinfo import ZoneInfo

Json = dict[str, Any]
MOST_RECORDS = 500
MOST_BYTES = 4 * 1024 * 1024
# A plan is merged by the server, field by field; every other kind is a fact.
MERGED_KINDS = frozenset({"plan"})

_SCHEMA = """
CREATE TABLE IF NOT EXISTS memo (name TEXT PRIMARY KEY, value TEXT NOT NULL);
-- What the server holds as far as we know, what the owner wants it to be, and what is on its way.
CREATE TABLE IF NOT EXISTS record (
    id TEXT PRIMARY KEY, revision INTEGER NOT NULL, held TEXT, wanted TEXT, sent TEXT, refused TEXT);
-- A batch is sent under its key until it is answered, whatever happens in between.
CREATE TABLE IF NOT EXISTS batch (key TEXT PRIMARY KEY, body TEXT NOT NULL);
-- What the owner wrote and another device was faster with: kept, to be shown.
CREATE TABLE IF NOT EXISTS copy (id TEXT NOT NULL, version TEXT NOT NULL);
-- What the server holds and cannot read at present: our copy of it may be the only one.
CREATE TABLE IF NOT EXISTS unreadable (id TEXT PRIMARY KEY);
"""


class LineLostError(Exception):
    """Nobody answered. Whether the server has stored what was sent is not known."""


class SignedOutError(Exception):
    """The session has ended: sign in again. Nothing in the ledger is lost."""


class RefusedError(Exception):
    """The server answered, and sending the same again would not help."""


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: Any


# (method, path, body or None, headers) -> Answer; raises LineLostError.
Send = Callable[[str, str, Json | None, Mapping[str, str]], Answer]


class Ledger:
    """What the phone keeps: in one SQLite file, each change in a transaction of its own."""

    def __init__(self, path: str = ":memory:") -> None:
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=FULL")
        self.db.executescript(_SCHEMA)

    def recall(self, name: str) -> str:
        row = self.db.execute("SELECT value FROM memo WHERE name = ?", [name]).fetchone()
        return str(row[0]) if row else ""

    def keep(self, name: str, value: str) -> None:
        self.db.execute("INSERT OR REPLACE INTO memo VALUES (?, ?)", [name, value])

    def record(self, record_id: str) -> "Entry | None":
        row = self.db.execute(
            "SELECT id, revision, held, wanted, sent, refused FROM record WHERE id = ?", [record_id]
        ).fetchone()
        return (
            Entry(row[0], row[1], *(json.loads(part) if part else None for part in row[2:])) if row else None
        )

    def records(self) -> "Iterator[Entry]":
        ids = [row[0] for row in self.db.execute("SELECT id FROM record ORDER BY rowid").fetchall()]
        for record_id in ids:
            entry = self.record(record_id)
            assert entry is not None
            yield entry

    def store(self, entry: "Entry") -> None:
        parts = [json.dumps(part) if part is not None else None for part in entry.parts()]
        self.db.execute(
            "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " revision = excluded.revision, held = excluded.held, wanted = excluded.wanted,"
            " sent = excluded.sent, refused = excluded.refused",
            [entry.id, entry.revision, *parts],
        )

    def mark(self, record_id: str, *, unreadable: bool) -> None:
        if unreadable:
            self.db.execute("INSERT OR IGNORE INTO unreadable VALUES (?)", [record_id])
        else:
            self.db.execute("DELETE FROM unreadable WHERE id = ?", [record_id])

    def is_unreadable(self, record_id: str) -> bool:
        return bool(self.db.execute("SELECT 1 FROM unreadable WHERE id = ?", [record_id]).fetchone())

    def copies(self, record_id: str | None = None) -> list[Json]:
        rows = self.db.execute("SELECT version FROM copy WHERE ? IS NULL OR id = ?", [record_id, record_id])
        return [json.loads(row[0]) for row in rows]


@dataclass
class Entry:
    """
    One record in the ledger.

    ``held`` is what the server holds under ``revision``, as far as we know; ``wanted`` what the owner wants it to be,
    if that is not yet there; ``sent`` what of it is on its way; ``refused`` why the server would not take it.
    A version is ``{kind, recorded_at, zone, data}`` or, of a removed record, without ``data``.
    """

    id: str
    revision: int = 0
    held: Json | None = None
    wanted: Json | None = None
    sent: Json | None = None
    refused: Json | None = None

    def parts(self) -> tuple[Json | None, ...]:
        return self.held, self.wanted, self.sent, self.refused

    @property
    def shown(self) -> Json | None:
        """What the owner sees: their own word first, also where the server would not take it."""
        return self.wanted or self.sent or (self.refused or {}).get("version") or self.held

    @property
    def is_unsent(self) -> bool:
        return self.wanted is not None or self.sent is not None

    @property
    def wire(self) -> Json:
        """The next version, as it goes to the server."""
        assert self.wanted is not None
        removed = {} if "data" in self.wanted else {"removed": True}
        return {"id": self.id, "revision": self.revision + 1, **self.wanted, **removed}


def version_of(record: Json) -> Json:
    """Return what a record says, without the server's own facts about it."""
    names = ("kind", "recorded_at", "time_zone", "data")
    return {name: record[name] for name in names if record.get(name) is not None}


def same(one: Json | None, other: Json | None) -> bool:
    """Return whether two versions say the same; why one was written does not count."""
    strip = ("amendment_reason",)
    left = None if one is None else {name: value for name, value in one.items() if name not in strip}
    right = None if other is None else {name: value for name, value in other.items() if name not in strip}
    return left == right


class Phone:
    """One phone of one person."""

    def __init__(
        self,
        send: Send,
        ledger: Ledger,
        *,
        time_zone: str = "UTC",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: Callable[[float], None] = time.sleep,
        rng: random.Random | None = None,
        attempts: int = 8,
        patience_s: float = 600,
    ) -> None:
        self._send, self.ledger, self.time_zone, self.clock, self.pause = (
            send,
            ledger,
            time_zone,
            clock,
            pause,
        )
        self.rng, self.attempts, self.patience_s = rng or random.Random(), attempts, patience_s
        if not ledger.recall("device"):
            ledger.keep("device", str(uuid.uuid4()))

    @property
    def device(self) -> str:
        return self.ledger.recall("device")

    # What the owner does. None of it needs a line.

    def add(self, kind: str, data: Json, **more: Any) -> str:
        """Write a new entry; return its id."""
        record_id = str(more.pop("id", uuid.uuid4()))
        wanted = {
            "kind": kind,
            "recorded_at": self.clock().astimezone(ZoneInfo(self.time_zone)).isoformat(),
            "time_zone": self.time_zone,
            "data": data,
        } | more
        self.ledger.store(Entry(record_id, wanted=wanted))
        return record_id

    def amend(self, record_id: str, data: Json, amendment_reason: str | None = None) -> None:
        """Say it anew. What was not sent yet is written over; what was, gets a new version."""
        entry = self._entry(record_id)
        assert entry.shown is not None
        why = {} if amendment_reason is None else {"amendment_reason": amendment_reason}
        self._want(entry, version_of(entry.shown) | {"data": data} | why)

    def remove(self, record_id: str) -> None:
        """Take an entry back. One that the server has never seen leaves nothing behind."""
        entry = self._entry(record_id)
        if entry.revision == 0 and entry.sent is None:
            self.ledger.db.execute("DELETE FROM record WHERE id = ?", [record_id])
            return
        assert entry.shown is not None
        self._want(entry, {name: value for name, value in version_of(entry.shown).items() if name != "data"})

    def unsent(self) -> int:
        """Return how many entries the server has not acknowledged: the number to show."""
        return sum(entry.is_unsent for entry in self.ledger.records())

    def refused(self) -> list[Entry]:
        """Return the entries that the server would not take, to be mended by their owner."""
        return [entry for entry in self.ledger.records() if entry.refused is not None]

    def unreadable(self) -> list[Entry]:
        """Return the entries that the server cannot read. To mend one, amend it: to the same, if its copy is here."""
        return [entry for entry in self.ledger.records() if self.ledger.is_unreadable(entry.id)]

    def shown(self) -> dict[str, Json]:
        """Return what the owner sees, removed entries left out."""
        found = {entry.id: entry.shown for entry in self.ledger.records()}
        return {record_id: version for record_id, version in found.items() if version and "data" in version}

    def _entry(self, record_id: str) -> Entry:
        entry = self.ledger.record(record_id)
        if entry is None:
            raise KeyError(record_id)
        return entry

    def _want(self, entry: Entry, version: Json) -> None:
        entry.refused = None
        # What the server cannot read is no reason to keep back the same once more: it mends the entry.
        known = same(version, entry.held) and not self.ledger.is_unreadable(entry.id)
        entry.wanted = None if known and entry.sent is None else version
        self.ledger.store(entry)

    # What happens when there is a line.

    def sync(self) -> None:
        """
        Push what is unsent, then pull what is new.

        :raises LineLostError: if nobody answers; call it again later, as often as you like.
        :raises SignedOutError: if the session has ended.
        """
        self.push()
        self.pull()

    def push(self) -> None:
        """Send batch after batch until everything has its status."""
        while True:
            batch = self.ledger.db.execute("SELECT key, body FROM batch LIMIT 1").fetchone()
            if batch is None and not self._make_batch():
                return
            if batch is not None and not self._push_batch(*batch):
                return

    def _make_batch(self) -> bool:
        """Put what is unsent in a batch with a key of its own; return whether there is anything."""
        records: list[Json] = []
        size = 0
        with self._transaction():
            for entry in self.ledger.records():
                if entry.wanted is None:
                    continue
                wire = entry.wire
                size += len(json.dumps(wire))
                if records and (size > MOST_BYTES or len(records) == MOST_RECORDS):
                    break
                records.append(wire)
                entry.sent, entry.wanted = entry.wanted, None
                self.ledger.store(entry)
            if records:
                key = uuid.uuid4().hex
                body = {"key": key, "device": self.device, "records": records}
                self.ledger.db.execute("INSERT INTO batch VALUES (?, ?)", [key, json.dumps(body)])
        return bool(records)

    def _push_batch(self, key: str, body: str) -> bool:
        """Send one batch; return False if what is left must wait for another time."""
        # The id may be a new one since the batch was made; key and records stay as they were.
        batch = json.loads(body) | {"device": self.device}
        answer = self._until_answered("POST", "/api/v1/sync/push", batch)
        if answer.status != 200:
            raise RefusedError(f"push answered {answer.status} {answer.body.get('code')}")
        self._read_missing_copies(answer.body["results"])
        waiting = False
        with self._transaction():
            for sent, result in zip(batch["records"], answer.body["results"], strict=True):
                entry = self._entry(sent["id"])
                self._settle(entry, sent, result)
                waiting |= result["status"] == "retry"
                self.ledger.store(entry)
            self.ledger.db.execute("DELETE FROM batch WHERE key = ?", [key])
        return not waiting

    def _read_missing_copies(self, results: list[Json]) -> None:
        """
        Read what stands at the server where an answer only names its revision: too much for one answer, or a receipt.

        A line that is lost here costs nothing: the batch is sent again, under its key.
        """
        copies = {result["id"]: result["server"] for result in results if "server" in result}
        for result in results:
            if result["status"] == "conflict" or result.get("code") == "merged":
                if result["id"] not in copies:
                    answer = self._until_answered("GET", f"/api/v1/records/{result['id']}", None)
                    copies[result["id"]] = answer.body if answer.status == 200 else None
                result["server"] = copies[result["id"]]

    def _settle(self, entry: Entry, sent: Json, result: Json) -> None:
        """Take over the status of what was sent."""
        mine, entry.sent = entry.sent, None
        status = result["status"]
        if status in ("stored", "replayed"):
            self.ledger.mark(entry.id, unreadable=False)
            held = version_of(result["server"]) if result.get("server") else version_of(sent)
            if entry.wanted is not None and result.get("server") and entry.wanted["kind"] in MERGED_KINDS:
                entry.wanted = _rebased(entry.wanted, mine or {}, held)
            entry.held, entry.revision = held, result.get("revision") or sent["revision"]
            if same(entry.wanted, entry.held):
                entry.wanted = None
        elif status == "conflict":
            for version in (mine, entry.wanted):
                if version is not None:
                    self._keep_copy(entry.id, version)
            entry.wanted = None
            if result.get("server"):
                self._hold(entry, result["server"])
        elif status == "rejected":
            entry.refused = {"code": result.get("code"), "pointer": result.get("pointer"), "version": mine}
            if entry.revision == 0 and entry.wanted is not None and "data" not in entry.wanted:
                entry.wanted = entry.refused = None
        else:
            entry.wanted = entry.wanted or mine

    def _keep_copy(self, record_id: str, version: Json) -> None:
        self.ledger.db.execute("INSERT INTO copy VALUES (?, ?)", [record_id, json.dumps(version)])

    def pull(self) -> None:
        """Take in what changed since the last time, page by page; the cursor is kept with each page."""
        while True:
            cursor = self.ledger.recall("cursor")
            asked = f"?limit=200&cursor={cursor}" if cursor else "?limit=200"
            answer = self._until_answered("GET", f"/api/v1/sync/pull{asked}", None)
            if answer.status == 410:
                self._start_again()
                continue
            if cursor and answer.body.get("code") == "invalid_cursor":
                # The server has retired the key that encrypted it. It lost nothing, so what we hold stays.
                self.ledger.keep("cursor", "")
                continue
            if answer.status != 200:
                raise RefusedError(f"pull answered {answer.status} {answer.body.get('code')}")
            with self._transaction():
                for record in [*answer.body["records"], *answer.body["unreadable"]]:
                    self._take_in(record)
                for record_id in answer.body["revoked_ids"]:
                    self.ledger.db.execute("DELETE FROM record WHERE id = ?", [record_id])
                    self.ledger.mark(record_id, unreadable=False)
                self.ledger.keep("cursor", answer.body["cursor"])
            if not answer.body["more"]:
                break
        if self.ledger.recall("restored"):
            self._push_what_was_lost()

    def _take_in(self, record: Json) -> None:
        entry = self.ledger.record(record["id"]) or Entry(record["id"])
        # What the owner wrote meanwhile was written on what they saw: the server shall find the conflict, not we.
        if entry.is_unsent or record["revision"] < entry.revision:
            return
        self._hold(entry, record)
        self.ledger.store(entry)

    def _hold(self, entry: Entry, record: Json) -> None:
        """Take over what the server holds. What it cannot read changes nothing in our copy, of whichever version."""
        unreadable = bool(record.get("unreadable"))
        self.ledger.mark(entry.id, unreadable=unreadable)
        entry.revision = record["revision"]
        if not unreadable or entry.held is None:
            entry.held = version_of(record)

    def _start_again(self) -> None:
        """The server was restored: forget what it held and see, but nothing that the owner has written."""
        with self._transaction():
            self.ledger.keep("cursor", "")
            self.ledger.keep("restored", "yes")
            self.ledger.db.execute("DELETE FROM batch")
            for entry in self.ledger.records():
                # Of what we never saw a copy of there is nothing to send: without data it would say "removed".
                known = (
                    entry.held
                    if "data" in (entry.held or {}) or not self.ledger.is_unreadable(entry.id)
                    else None
                )
                entry.wanted = entry.wanted or entry.sent or known
                self.ledger.mark(entry.id, unreadable=False)
                entry.sent, entry.held, entry.revision = None, None, 0
                self.ledger.store(entry)

    def _push_what_was_lost(self) -> None:
        """After a restore everything we have goes up once more, each as the version after the one that is there now."""
        there = {record["id"]: record for record in self._everything()}
        with self._transaction():
            for entry in self.ledger.records():
                held = there.get(entry.id)
                if held is not None:
                    self._hold(entry, held)
                if same(entry.wanted, entry.held) or (
                    held is None and entry.wanted and "data" not in entry.wanted
                ):
                    entry.wanted = None
                self.ledger.store(entry)
            self.ledger.keep("restored", "")
        self.push()

    def _everything(self) -> Iterator[Json]:
        cursor = ""
        while True:
            page = self._until_answered("GET", f"/api/v1/sync/pull?limit=500&cursor={cursor}", None).body
            yield from [*page["records"], *page["unreadable"]]
            cursor = page["cursor"]
            if not page["more"]:
                return

    def _until_answered(
        self, method: str, path: str, body: Json | None, *, may_be_refused: bool = False
    ) -> Answer:
        """Send until somebody answers; 429 and 5xx mean that nothing was stored."""
        wait, started = 0.2, time.monotonic()
        for _ in range(self.attempts):
            answer = None
            token = self.ledger.recall("token")
            headers = {"X-Device": self.device} | ({"X-Session-Token": token} if token else {})
            with contextlib.suppress(LineLostError):
                answer = self._send(method, path, body, headers)
            if answer is not None and answer.status == 401 and not may_be_refused:
                raise SignedOutError
            if answer is not None and answer.status < 500 and answer.status != 429:
                return answer
            told = float(answer.headers.get("Retry-After", 0)) if answer is not None else 0.0
            if time.monotonic() - started > self.patience_s:
                break
            # Full jitter: a thousand phones that lost the line together do not come back together.
            self.pause(max(told, self.rng.uniform(0, wait)))
            wait = min(60.0, 2 * wait)
        raise LineLostError

    def _transaction(self) -> "_Transaction":
        return _Transaction(self.ledger.db)


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    def __enter__(self) -> None:
        self.db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        self.db.execute("COMMIT" if kind is None else "ROLLBACK")


def _rebased(wanted: Json, sent: Json, held: Json) -> Json:
    """Put the fields that the owner changed since ``sent`` on top of what the server has made of it."""
    if "data" not in wanted or "data" not in held or "data" not in sent:
        return wanted
    names = wanted["data"].keys() | sent["data"].keys()
    changed = {name for name in names if wanted["data"].get(name) != sent["data"].get(name)}
    data = {name: value for name, value in held["data"].items() if name not in changed}
    return wanted | {
        "data": data | {name: wanted["data"][name] for name in changed if name in wanted["data"]}
    }


def _headers(reply: HTTPResponse | urllib.error.HTTPError) -> dict[str, str]:
    """Return the headers by names as the documents write them; servers write ``retry-after`` too."""
    return {name.title(): text for name, text in reply.headers.items()}


def over_http(url: str, *, timeout_s: float = 60) -> Send:
    """Return the way to a server at ``url``. Nothing of the environment (proxies) is trusted."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def send(method: str, path: str, body: Json | None, headers: Mapping[str, str]) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url.rstrip("/") + path, data, dict(headers), method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with opener.open(request, timeout=timeout_s) as reply:
                return Answer(reply.status, _headers(reply), json.loads(reply.read() or b"null"))
        except urllib.error.HTTPError as reply:
            text = reply.read()
            plain = "json" in reply.headers.get("Content-Type", "")
            return Answer(reply.code, _headers(reply), json.loads(text) if plain and text else {})
        except (OSError, ValueError) as problem:
            raise LineLostError from problem

    return send


def sign_in(phone: Phone, email: str, password: str, label: str = "reference phone") -> None:
    """
    Sign in and pair this phone; the token goes into the ledger.

    :raises RefusedError: if the server does not know them.
    """
    if phone.ledger.recall("token"):
        # A former sign-in that lives would hold the phone's id (409 `device_in_use`).
        phone._until_answered("DELETE", "/_allauth/app/v1/auth/session", None, may_be_refused=True)
    phone.ledger.keep("token", "")
    answer = phone._until_answered(
        "POST", "/_allauth/app/v1/auth/login", {"email": email, "password": password}, may_be_refused=True
    )
    if answer.status != 200:
        raise RefusedError(f"sign-in answered {answer.status}")
    phone.ledger.keep("token", answer.body["meta"]["session_token"])
    paired = phone._until_answered("POST", "/api/v1/devices", {"id": phone.device, "label": label})
    if paired.body.get("code") in ("device_retired", "device_in_use"):
        phone.ledger.keep("device", str(uuid.uuid4()))
        paired = phone._until_answered("POST", "/api/v1/devices", {"id": phone.device, "label": label})
    if paired.status not in (200, 201):
        raise RefusedError(f"pairing answered {paired.status} {paired.body.get('code')}")


def main(arguments: list[str] | None = None) -> int:
    """Do the steps that are asked for; return 0 if the server has acknowledged everything then."""
    parser = argparse.ArgumentParser(
        description="A phone with a ledger of its own. add: take records from standard input, one JSON object a line;"
        " sync: push and pull; show: print what the owner sees."
    )
    parser.add_argument("--url", required=True)
    parser.add_argument("--ledger", required=True, help="file of the ledger; made if it is not there")
    parser.add_argument("--device", help="the id of a new ledger's phone")
    parser.add_argument("--email", help="sign in first; the password is read from PHONE_PASSWORD")
    parser.add_argument("--patience", type=float, default=600, help="seconds to wait for an answer")
    parser.add_argument("steps", nargs="+", choices=["add", "sync", "show"])
    given = parser.parse_args(arguments)
    ledger = Ledger(given.ledger)
    if given.device and not ledger.recall("device"):
        ledger.keep("device", given.device)
    phone = Phone(over_http(given.url), ledger, attempts=1_000_000, patience_s=given.patience)
    try:
        if given.email:
            sign_in(phone, given.email, os.environ["PHONE_PASSWORD"])
        for step in given.steps:
            {"add": _add, "sync": _sync, "show": _show}[step](phone)
    except LineLostError:
        print("gave up: the server does not answer", file=sys.stderr)
        return 2
    except RefusedError as problem:
        print(f"gave up: {problem}", file=sys.stderr)
        return 2
    except SignedOutError:
        print("gave up: signed out; sign in again with --email", file=sys.stderr)
        return 2
    for entry in phone.refused():
        reason = entry.refused or {}
        print(f"refused: {entry.id} {reason.get('code')} {reason.get('pointer')}", file=sys.stderr)
    return 0 if not phone.unsent() and not phone.refused() else 1


def _add(phone: Phone) -> None:
    with phone._transaction():
        for line in sys.stdin:
            record = json.loads(line)
            if phone.ledger.record(record["id"]) is None:
                version = version_of(record)
                phone.add(version.pop("kind"), version.pop("data"), id=record["id"], **version)


def _sync(phone: Phone) -> None:
    phone.sync()
    print(f"{len(phone.shown())} held by the server, {phone.unsent()} unsent", flush=True)


def _show(phone: Phone) -> None:
    for record_id, version in phone.shown().items():
        print(json.dumps({"id": record_id, **version}))


if __name__ == "__main__":
    raise SystemExit(main())
