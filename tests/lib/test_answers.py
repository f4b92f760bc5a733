"""Answers are sent in pieces: who does not read one holds little of it, and not for long."""

import asyncio
import socket
from typing import Any

import pytest

from backend.static_files import AppFinder
from tracker.lib import answers, listeners
from tracker.lib.answers import UnsentAnswers


class Reader:
    """Takes so many pieces, and then none."""

    def __init__(self, pieces: int = 1000) -> None:
        self.pieces, self.body, self.headers = pieces, b"", dict[bytes, bytes]()
        self.is_whole = False

    async def __call__(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.headers = dict(message["headers"])
            return
        if not self.pieces:
            await asyncio.sleep(3600)
        self.pieces -= 1
        self.body += message["body"]
        self.is_whole = not message.get("more_body", False)
        await asyncio.sleep(0)


def of(size: int) -> answers.Answer:
    return 200, [], b"a" * size


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(answers, "PIECE_BYTES", 10)


@pytest.mark.parametrize("size", [0, 1, 10, 11, 20, 95])
def test_an_answer_that_is_read_arrives_whole_in_pieces_and_with_its_length(size):
    reader = Reader()

    asyncio.run(UnsentAnswers().send(reader, of(size)))

    assert (len(reader.body), reader.is_whole, reader.pieces) == (size, True, 1000 - max(1, -(-size // 10)))
    assert reader.headers.get(b"content-length", b"0") == str(size).encode()


def test_an_answer_that_is_not_read_is_given_up_and_forgotten(monkeypatch):
    monkeypatch.setattr(answers, "PIECE_SECONDS", 0.05)
    reader, unsent = Reader(pieces=2), UnsentAnswers()

    asyncio.run(unsent.send(reader, of(100)))

    assert (len(reader.body), reader.is_whole, unsent.size) == (20, False, 0)


def test_the_slowest_reader_of_an_answer_gives_way_where_the_process_is_full(monkeypatch):
    monkeypatch.setattr(answers, "MAX_UNSENT_BYTES", 250)
    unsent = UnsentAnswers()
    stuck, slow, quick = Reader(pieces=0), Reader(pieces=5), Reader()

    async def all_of_them() -> None:
        waiting = asyncio.create_task(unsent.send(slow, of(100)))
        given_up = asyncio.create_task(unsent.send(stuck, of(100)))
        async with asyncio.timeout(10):
            # Five pieces of the slow one have gone out, and none of the stuck one.
            while unsent.size != 150:
                await asyncio.sleep(0)
        await unsent.send(quick, of(200))
        await given_up
        assert (unsent.size, waiting.done()) == (50, False)
        waiting.cancel()

    asyncio.run(all_of_them())

    assert (quick.is_whole, len(stuck.body), len(slow.body)) == (True, 0, 50)


def test_a_connection_inherits_what_its_listener_may_hold_in_the_kernel_and_for_how_long():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listeners.limit()
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as connection:
            waits = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            holds = connection.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)

    # The kernel doubles what it is asked for, for its own records.
    assert (waits, holds) == (1000 * listeners.UNREAD_SECONDS, 2 * listeners.SEND_BUFFER_BYTES)


def test_no_static_file_is_served_that_no_page_names():
    served = [path for path, _ in AppFinder().list(None)]

    assert "dashboard/dashboard.css" in served
    assert [path for path in served if path.endswith(".map") or "redoc" in path] == []
