"""
Three phones, a clinician who reads along, lost lines, a server that dies in mid-sentence, consent that changes.

Hypothesis walks through it at random. At the end of each walk the line is good again, everybody syncs, and what is
promised is looked at: nothing that was acknowledged has vanished, all phones show the same, nothing removed has
come back, what lost a conflict is kept, and the clinician holds what is shared and no more.
"""

import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import OperationalError, connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from examples.reference_phone import Answer, Entry, Json, Ledger, LineLostError, Phone
from tests import factories
from tests.phone import Phone as Signed
from tracker.access.policy import Category

SHARED = tuple(sorted(Category))
# What may become of one request: it arrives, it does not, its answer is lost, the server dies at its nth statement.
FAULTS = st.lists(
    st.sampled_from(["", "", "", "before", "after", "dies-2", "dies-5", "dies-9", "dies-14"]), max_size=3
)
DEVICE = st.integers(0, 2)
PICK = st.integers(0, 10**6)
SCORE = st.integers(0, 10)
KIND = st.sampled_from(["pain", "daily", "journal", "plan", "side_effects", "sleep"])


def data_of(kind: str, value: int, extra: int = 0) -> Json:
    """Something to say of this kind."""
    if kind == "plan":
        return {"practice": "stretching", "minutes": value + 1, "per_week": extra % 7 + 1, "paused": False}
    said: dict[str, Json] = {
        "pain": {"intensity": value},
        "daily": {"mood": value},
        "journal": {"text": f"page {value}", "share": "entry" if extra % 2 else "none"},
        "side_effects": {"items": {"nausea": value % 4}},
        "sleep": {"quality": value},
    }
    return said[kind]


@contextmanager
def _dying_at(statement: int) -> Iterator[None]:
    """The server loses its database at its nth statement, whatever that is."""
    seen = 0

    def wrapper(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == statement:
            raise OperationalError("the server dies here")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        yield


class Line:
    """One phone's way to the server. It keeps what the server has acknowledged."""

    def __init__(self, user: Any) -> None:
        self.signed = Signed(user)
        self.faults: list[str] = []
        self.acknowledged: dict[tuple[str, int], Json] = {}
        self.conflicts: list[tuple[str, Json]] = []

    def __call__(self, method: str, path: str, body: Json | None, headers: Mapping[str, str]) -> Answer:
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "before":
            raise LineLostError
        if fault.startswith("dies"):
            with _dying_at(int(fault.partition("-")[2])):
                reply = self.signed.call(method, path.removeprefix("/api/v1/"), body)
        else:
            reply = self.signed.call(method, path.removeprefix("/api/v1/"), body)
        if fault == "after":
            raise LineLostError
        assert reply.status_code != 500, reply.content
        answer = Answer(reply.status_code, reply.headers, json.loads(reply.content or b"null"))
        if path.endswith("push") and reply.status_code == 200 and body:
            self._note(body["records"], answer.body["results"])
        return answer

    def _note(self, sent: list[Json], results: list[Json]) -> None:
        for record, result in zip(sent, results, strict=True):
            if result["status"] in ("stored", "replayed") and result.get("code") != "merged":
                self.acknowledged[record["id"], result["revision"]] = record
            if result["status"] == "conflict":
                self.conflicts.append((record["id"], record))


class Reader:
    """A clinician's device: a copy of what is shared, kept as the protocol says."""

    def __init__(self, user: Any, patient_id: Any) -> None:
        self.signed, self.patient_id = Signed(user), patient_id
        self.cursor = ""
        self.copy: dict[str, Json] = {}

    def pull(self) -> None:
        for _ in range(50):
            reply = self.signed.get(f"sync/pull?patient={self.patient_id}&limit=7&cursor={self.cursor}")
            if reply.status_code == 404:
                # Nothing at all is shared any more.
                self.copy, self.cursor = {}, ""
                return
            assert reply.status_code == 200, reply.content
            page = reply.json()
            lost = page["revoked_categories"]
            self.copy = {one: record for one, record in self.copy.items() if record["category"] not in lost}
            # In the order of their changes: a page that was un-shared and shared again is there again.
            for record in page["records"]:
                self.copy[record["id"]] = record
            for record_id in page["revoked_ids"]:
                if not any(record["id"] == record_id for record in page["records"]):
                    self.copy.pop(record_id, None)
            self.cursor = page["cursor"]
            if not page["more"]:
                return
        raise AssertionError("a pull that does not end")


class Sync(RuleBasedStateMachine):
    """One walk. The class is given its world by ``of``."""

    world: factories.World

    def __init__(self) -> None:
        super().__init__()
        connection.ensure_connection()
        with transaction.atomic():
            self.patient = factories.patient(self.world.clinic, "ada", self.world.team)
        user = self.patient.user
        assert user
        self.lines = [Line(user) for _ in range(3)]
        self.skew = [timedelta(0)] * 3
        self.phones = [self._phone(n) for n in range(3)]
        self.reader = Reader(self.world.ben.user, self.patient.pk)
        self.shared: frozenset[str] = frozenset()
        self._show(SHARED)
        for kind in ("pain", "journal", "plan"):
            self.phones[0].add(kind, data_of(kind, 5, 1))
        for phone in self.phones:
            phone.sync()
        self.reader.pull()

    def _phone(self, n: int) -> Phone:
        ledger = Ledger()
        ledger.keep("device", str(self.lines[n].signed.device))
        return Phone(
            self.lines[n], ledger, clock=lambda: factories.MONDAY + self.skew[n], pause=lambda _: None,
            rng=random.Random(n), attempts=2,
        )  # fmt: skip

    def _entry(self, n: int, pick: int, kind: str | None = None) -> Entry | None:
        entries = [entry for entry in self.phones[n].ledger.records() if entry.shown]
        entries = [entry for entry in entries if kind in (None, entry.shown["kind"])]  # type: ignore[index]
        return entries[pick % len(entries)] if entries else None

    @rule(n=DEVICE, kind=KIND, value=SCORE, extra=SCORE)
    def adds(self, n: int, kind: str, value: int, extra: int) -> None:
        self.phones[n].add(kind, data_of(kind, value, extra))

    @rule(n=DEVICE, pick=PICK, value=SCORE, extra=SCORE)
    def amends_or_restores(self, n: int, pick: int, value: int, extra: int) -> None:
        entry = self._entry(n, pick)
        if entry and entry.shown:
            self.phones[n].amend(entry.id, data_of(entry.shown["kind"], value, extra))

    @rule(
        n=DEVICE, pick=PICK, field=st.sampled_from(["minutes", "per_week", "paused"]), value=st.integers(1, 7)
    )
    def edits_a_field_of_a_plan(self, n: int, pick: int, field: str, value: int) -> None:
        entry = self._entry(n, pick, "plan")
        if entry and entry.shown and "data" in entry.shown:
            self.phones[n].amend(
                entry.id, entry.shown["data"] | {field: value % 2 == 0 if field == "paused" else value}
            )

    @rule(n=DEVICE, pick=PICK)
    def shares_a_page_or_no_longer(self, n: int, pick: int) -> None:
        entry = self._entry(n, pick, "journal")
        if entry and entry.shown and "data" in entry.shown:
            data = entry.shown["data"]
            self.phones[n].amend(entry.id, data | {"share": "none" if data["share"] == "entry" else "entry"})

    @rule(n=DEVICE, pick=PICK)
    def removes(self, n: int, pick: int) -> None:
        entry = self._entry(n, pick)
        if entry and entry.shown and "data" in entry.shown:
            self.phones[n].remove(entry.id)

    @rule(n=DEVICE, faults=FAULTS)
    def syncs(self, n: int, faults: list[str]) -> None:
        self.lines[n].faults = list(faults)
        try:
            self.phones[n].sync()
        except LineLostError:
            pass
        finally:
            self.lines[n].faults = []
        if n == 0:
            self.reader.pull()

    @rule(n=DEVICE, days=st.integers(-800, 800))
    def sets_a_clock_wrong(self, n: int, days: int) -> None:
        self.skew[n] = timedelta(days=days)

    @rule()
    def the_server_starts_again(self) -> None:
        connection.close()

    @rule(shown=st.sets(st.sampled_from(SHARED), min_size=4))
    def changes_consent(self, shown: set[str]) -> None:
        self._show(sorted(shown))

    @rule()
    def the_clinician_pulls(self) -> None:
        self.reader.pull()

    def _show(self, categories: Any) -> None:
        body = {
            "text_version": 1,
            "base_version": self.lines[0].signed.get("me/consents").json()["version"],
            "teams": [
                {"team": str(self.world.team.pk), "categories": [category.lower() for category in categories]}
            ],
        }
        reply = self.lines[0].signed.call("PUT", "me/consents", body)
        assert reply.status_code == 200, reply.content
        self.shared = frozenset(categories)

    # What is promised.

    def teardown(self) -> None:
        for _ in range(6):
            for phone in self.phones:
                phone.sync()
        try:
            self._look()
        finally:
            for phone in self.phones:
                phone.ledger.db.close()

    def _look(self) -> None:
        assert [phone.unsent() for phone in self.phones] == [0, 0, 0]
        assert [phone.refused() for phone in self.phones] == [[], [], []]
        held = self._held()
        self._all_phones_show(held)
        for line in self.lines:
            for (record_id, revision), sent in line.acknowledged.items():
                self._is_kept(record_id, revision, sent)
        self._copies_are_kept()
        self._nothing_removed_is_back(held)
        self._the_clinician_holds(held)

    def _held(self) -> dict[str, Json]:
        """What the server holds, as a phone that is new would learn it."""
        found: dict[str, Json] = {}
        cursor = ""
        while True:
            page = self.lines[0].signed.get(f"sync/pull?limit=5&cursor={cursor}").json()
            for record in page["records"]:
                assert record["id"] not in found, "one record on two pages"
                found[record["id"]] = record
            cursor = page["cursor"]
            if not page["more"]:
                return found

    def _all_phones_show(self, held: dict[str, Json]) -> None:
        wanted = {record_id: record["data"] for record_id, record in held.items() if not record["removed"]}
        for phone in self.phones:
            assert {one: version["data"] for one, version in phone.shown().items()} == wanted

    def _versions(self, record_id: str) -> dict[int, Json]:
        reply = self.lines[0].signed.get(f"records/{record_id}/history")
        assert reply.status_code == 200, "an acknowledged record has vanished"
        return {version["revision"]: version for version in reply.json()["versions"]}

    def _is_kept(self, record_id: str, revision: int, sent: Json) -> None:
        version = self._versions(record_id).get(revision)
        assert version is not None, "an acknowledged version has vanished"
        assert version["removed"] == bool(sent.get("removed")), "an acknowledged version was changed"
        if not sent.get("removed"):
            said = {name: version["data"].get(name) for name in sent["data"]}
            assert said == sent["data"], "an acknowledged version was changed"

    def _copies_are_kept(self) -> None:
        for phone, line in zip(self.phones, self.lines, strict=True):
            for record_id, sent in line.conflicts:
                kept = [copy.get("data") for copy in phone.ledger.copies(record_id)]
                assert sent.get("data") in kept, "what lost a conflict is not kept"

    def _nothing_removed_is_back(self, held: dict[str, Json]) -> None:
        """A living record's newest version was acknowledged to somebody, or is a merge; a tombstone ends what was."""
        acknowledged = {key for line in self.lines for key in line.acknowledged}
        for record_id, record in held.items():
            versions = self._versions(record_id)
            assert sorted(versions) == list(range(1, record["revision"] + 1))
            for revision, version in versions.items():
                before = versions.get(revision - 1)
                if before is not None and before["removed"] and not version["removed"]:
                    assert (record_id, revision) in acknowledged, "a removed record came back by itself"

    def _the_clinician_holds(self, held: dict[str, Json]) -> None:
        self.reader.pull()
        wanted = {
            record_id: record
            for record_id, record in held.items()
            if record["category"].upper() in self.shared
            and (record["kind"] != "journal" or self._is_shared(record))
        }
        living = {one: record for one, record in self.reader.copy.items() if not record["removed"]}
        assert {one: record["data"] for one, record in living.items()} == {
            one: record["data"] for one, record in wanted.items() if not record["removed"]
        }

    def _is_shared(self, record: Json) -> bool:
        return bool(record.get("data", {}).get("share") == "entry")


def of(world: factories.World) -> type[Sync]:
    """Return the machine in this world."""
    return type("Walk", (Sync,), {"world": world})
