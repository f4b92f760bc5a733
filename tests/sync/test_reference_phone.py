"""The reference phone: whatever happens on the line, its owner's entries arrive once and stay."""

import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Mapping
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.test import Client

from examples import reference_phone
from examples.reference_phone import (
    Answer,
    Json,
    Ledger,
    LineLostError,
    Phone,
    SignedOutError,
    over_http,
    sign_in,
)
from tests import factories, owner
from tests.phone import Phone as Signed


class Line:
    """The way to the server, inside this process; ``broken`` says what becomes of the next requests."""

    def __init__(self, signed: Signed) -> None:
        self.signed = signed
        self.broken: list[str] = []
        self.sent: list[tuple[str, Any]] = []

    def __call__(self, method: str, path: str, body: Json | None, headers: Mapping[str, str]) -> Answer:
        how = self.broken.pop(0) if self.broken else ""
        self.sent.append((path, body))
        if how == "before":
            raise LineLostError
        answer = self.signed.call(method, path.removeprefix("/api/v1/"), body)
        if how == "after":
            raise LineLostError
        return Answer(answer.status_code, answer.headers, json.loads(answer.content or b"null"))


def phone_of(user: Any, seed: int = factories.SEED, **more: Any) -> tuple[Phone, Line]:
    line = Line(Signed(user))
    ledger = Ledger()
    ledger.keep("device", str(line.signed.device))
    phone = Phone(
        line, ledger, clock=lambda: factories.MONDAY, pause=lambda _: None, rng=random.Random(seed), **more
    )
    return phone, line


class _ComeAgain(BaseHTTPRequestHandler):
    """Names of headers in lower case, as the product's web server writes them."""

    def do_GET(self) -> None:
        self.send_response(503)
        self.send_header("retry-after", "7")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_a_phone_on_a_real_line_waits_as_long_as_retry_after_says():
    with ThreadingHTTPServer(("127.0.0.1", 0), _ComeAgain) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        pauses: list[float] = []
        url = f"http://127.0.0.1:{server.server_port}"
        phone = Phone(over_http(url), Ledger(), pause=pauses.append, attempts=3)
        with pytest.raises(LineLostError):
            phone.pull()
        server.shutdown()

    assert pauses == [7, 7, 7]


@pytest.fixture
def ada(world: factories.World):
    return phone_of(world.ada.user)


@pytest.fixture
def tablet(world: factories.World):
    return phone_of(world.ada.user)


def send(method: str, path: str, body: Json | None, headers: Mapping[str, str]) -> Answer:
    """The way of a phone that signs in itself."""
    text = "" if body is None else json.dumps(body)
    answer = Client().generic(method, path, text, "application/json", headers=dict(headers))
    return Answer(answer.status_code, answer.headers, json.loads(answer.content or b"null"))


def test_a_phone_signs_in_again_under_its_id_while_another_phone_is_signed_in(world):
    Signed(world.ada.user)
    phone = Phone(send, Ledger(), clock=lambda: factories.MONDAY, attempts=1)
    sign_in(phone, world.ada.user.email, factories.PASSWORD)
    phone.add("pain", {"intensity": 6})

    sign_in(phone, world.ada.user.email, factories.PASSWORD)
    phone.sync()

    assert phone.unsent() == 0


@pytest.mark.parametrize("arrived", [False, True])
def test_the_batch_of_a_phone_that_was_retired_arrives_once_under_its_new_id(world, arrived):
    older = Signed(world.ada.user)
    broken: list[bool] = []

    def lossy(method: str, path: str, body: Json | None, headers: Mapping[str, str]) -> Answer:
        if broken and not arrived:
            raise LineLostError
        answer = send(method, path, body, headers)
        if broken:
            raise LineLostError
        return answer

    phone = Phone(lossy, Ledger(), clock=lambda: factories.MONDAY, attempts=1, pause=lambda _: None)
    sign_in(phone, world.ada.user.email, factories.PASSWORD)
    former, entry = phone.device, phone.add("pain", {"intensity": 6})
    broken.append(True)
    with pytest.raises(LineLostError):
        phone.push()
    broken.clear()
    assert older.call("DELETE", f"devices/{former}").status_code == 204
    with pytest.raises(SignedOutError):
        phone.sync()

    sign_in(phone, world.ada.user.email, factories.PASSWORD)
    phone.sync()

    assert phone.device != former
    assert phone.unsent() == 0
    assert [record["id"] for record in older.get("sync/pull").json()["records"]] == [entry]


def test_an_entry_written_without_a_line_arrives_when_there_is_one(ada):
    phone, line = ada
    line.broken = ["before"] * 8
    phone.add("pain", {"intensity": 6})
    with pytest.raises(LineLostError):
        phone.sync()
    assert phone.unsent() == 1

    phone.sync()

    assert phone.unsent() == 0
    assert [record["data"] for record in line.signed.get("records").json()["records"]] == [{"intensity": 6}]


def test_a_lost_receipt_is_asked_for_again_under_the_same_idempotency_key(ada):
    phone, line = ada
    line.broken = ["after"]
    phone.add("pain", {"intensity": 6})
    phone.sync()

    keys = [body["key"] for path, body in line.sent if path.endswith("push")]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert len(line.signed.get("records").json()["records"]) == 1


def test_an_edit_made_while_its_entry_is_on_its_way_becomes_the_next_version(ada):
    phone, line = ada
    record_id = phone.add("pain", {"intensity": 6})
    line.broken = ["after"] * 8
    with pytest.raises(LineLostError):
        phone.sync()
    phone.amend(record_id, {"intensity": 3}, amendment_reason="typo")

    phone.sync()

    held = line.signed.get(f"records/{record_id}").json()
    assert (held["revision"], held["data"], held["amendment_reason"]) == (2, {"intensity": 3}, "typo")


def test_of_two_devices_the_slower_one_keeps_its_copy_and_shows_what_is_held(ada, tablet):
    (phone, _), (other, _) = ada, tablet
    record_id = phone.add("pain", {"intensity": 6})
    phone.sync()
    other.sync()
    phone.amend(record_id, {"intensity": 1})
    other.amend(record_id, {"intensity": 9})
    phone.sync()
    other.sync()
    phone.sync()

    assert phone.shown()[record_id]["data"] == other.shown()[record_id]["data"] == {"intensity": 1}
    assert [copy["data"] for copy in other.ledger.copies()] == [{"intensity": 9}]


def test_two_devices_that_edit_a_plan_end_with_both_edits(ada, tablet):
    (phone, _), (other, _) = ada, tablet
    record_id = phone.add("plan", {"practice": "stretching", "minutes": 10, "per_week": 3})
    phone.sync()
    other.sync()
    phone.amend(record_id, {"practice": "stretching", "minutes": 20, "per_week": 3})
    other.amend(record_id, {"practice": "stretching", "minutes": 10, "per_week": 7})
    phone.sync()
    other.sync()
    phone.sync()

    wanted = {"practice": "stretching", "minutes": 20, "per_week": 7, "paused": False}
    assert phone.shown()[record_id]["data"] == other.shown()[record_id]["data"] == wanted


def test_what_the_server_refuses_stays_on_the_phone_until_it_is_mended(ada):
    phone, _ = ada
    record_id = phone.add("pain", {"intensity": 11})
    fine = phone.add("pain", {"intensity": 5})
    phone.sync()
    assert [(entry.id, entry.refused["code"]) for entry in phone.refused()] == [(record_id, "out_of_range")]
    assert phone.shown()[record_id]["data"] == {"intensity": 11}

    phone.amend(record_id, {"intensity": 10})
    phone.sync()

    assert phone.refused() == []
    assert phone.unsent() == 0
    assert set(phone.shown()) == {record_id, fine}


def test_a_clock_that_is_wrong_costs_no_entry(ada):
    phone, line = ada
    phone.clock = lambda: factories.MONDAY + timedelta(days=3000)
    phone.add("pain", {"intensity": 5})
    phone.sync()

    assert line.signed.get("records").json()["records"][0]["clock_skew"] == "ahead"


def test_the_ledger_outlives_the_phone_that_is_switched_off_in_the_middle(world, tmp_path):
    line = Line(Signed(world.ada.user))
    path = str(tmp_path / "ledger.sqlite")
    Ledger(path).keep("device", str(line.signed.device))
    first = Phone(line, Ledger(path), pause=lambda _: None, attempts=1)
    record_id = first.add("journal", {"text": "mine alone"})
    line.broken = ["after"]
    with pytest.raises(LineLostError):
        first.sync()

    second = Phone(line, Ledger(path), pause=lambda _: None)
    second.sync()

    assert second.unsent() == 0
    assert second.device == first.device
    assert line.signed.get(f"records/{record_id}").json()["revision"] == 1


def test_the_program_says_that_its_session_has_ended(world, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(reference_phone, "over_http", lambda url: send)

    code = reference_phone.main(["--url", "http://test", "--ledger", str(tmp_path / "ledger"), "sync"])

    assert (code, capsys.readouterr().err) == (2, "gave up: signed out; sign in again with --email\n")


def test_a_phone_whose_cursor_was_encrypted_with_a_retired_key_pulls_from_the_start(ada, tablet):
    """It gave up at each pull from then on: an operator who took the old master key away stopped every phone."""
    (phone, _), (other, _) = ada, tablet
    own = phone.add("pain", {"intensity": 6})
    phone.sync()
    key_id, _, place = phone.ledger.recall("cursor").partition(":")
    phone.ledger.keep("cursor", f"former-{key_id}:{place}")
    others = other.add("pain", {"intensity": 3})
    other.sync()

    phone.sync()

    assert set(phone.shown()) == {own, others}
    assert phone.unsent() == 0
    assert phone.ledger.recall("cursor").startswith(f"{key_id}:")


def two_phones_and_an_unreadable_entry(live: Any) -> tuple[Phone, Phone, str]:
    """A phone with a journal entry that the server can no longer decrypt, and a tablet that never had a copy."""
    phone, _ = phone_of(live.world.ada.user)
    tablet, _ = phone_of(live.world.ada.user)
    page = phone.add("journal", {"text": "a long night"})
    phone.sync()
    owner.flip_a_byte(live, "records_journaltext", "entry_id = %s", page)
    tablet.sync()
    return phone, tablet, page


def test_a_record_that_the_server_cannot_read_keeps_the_phones_copy_and_is_mended_by_sending_it_again(live):
    phone, tablet, page = two_phones_and_an_unreadable_entry(live)
    phone.ledger.keep("cursor", "")

    phone.sync()

    assert phone.shown()[page]["data"]["text"] == "a long night"
    assert ([entry.id for entry in phone.unreadable()], phone.unsent()) == ([page], 0)
    # A phone that never had a copy shows none, and takes it for no removal.
    assert ([entry.id for entry in tablet.unreadable()], tablet.unsent(), tablet.shown()) == ([page], 0, {})
    phone.amend(page, {"text": "a long night"})
    assert phone.unsent() == 1
    phone.sync()
    tablet.sync()
    assert tablet.shown()[page]["data"]["text"] == "a long night"
    assert (phone.unreadable(), tablet.unreadable()) == ([], [])


def test_after_a_restore_a_record_that_was_unreadable_is_not_removed_by_a_phone_without_a_copy(live):
    _, tablet, page = two_phones_and_an_unreadable_entry(live)
    owner.flip_a_byte(live, "records_journaltext", "entry_id = %s", page)
    command = (sys.executable, "manage.py", "new_epoch", "--why", "restored the text")
    subprocess.run(command, check=True, env=os.environ | live.environment, capture_output=True)

    tablet.sync()

    assert tablet.shown()[page]["data"]["text"] == "a long night"
    assert (tablet.unsent(), tablet.unreadable()) == (0, [])


def test_a_conflict_with_an_unreadable_record_keeps_what_the_owner_wrote(live):
    phone, _ = phone_of(live.world.ada.user)
    tablet, _ = phone_of(live.world.ada.user)
    page = phone.add("journal", {"text": "first"})
    phone.sync()
    tablet.sync()
    phone.amend(page, {"text": "second"})
    phone.sync()
    owner.flip_a_byte(live, "records_journaltext", "entry_id = %s AND revision = 2", page)
    tablet.amend(page, {"text": "mine"})

    tablet.sync()

    assert [copy["data"]["text"] for copy in tablet.ledger.copies(page)] == ["mine"]
    assert tablet.shown()[page]["data"]["text"] == "first"
    assert [entry.id for entry in tablet.unreadable()] == [page]


def test_a_phone_reads_the_server_copies_that_an_answer_has_no_room_for(ada, tablet):
    (phone, line), (other, _) = ada, tablet
    pages = [phone.add("journal", {"text": "\x01" * 65536}) for _ in range(4)]
    phone.sync()
    other.sync()
    for page in pages:
        other.amend(page, {"text": "\x02" * 65536})
        phone.amend(page, {"text": "mine"})
    other.sync()
    # Also where the answer is lost: the receipt that is given again has no copies.
    line.broken = ["after"]

    phone.push()

    assert {phone.shown()[page]["data"]["text"] for page in pages} == {"\x02" * 65536}
    assert {phone.ledger.record(page).revision for page in pages} == {2}
    assert [copy["data"] for copy in phone.ledger.copies()] == [{"text": "mine"}] * 4
