"""
Sending of answers: in pieces, at a least rate, and so many bytes of all together as a process can hold.

An answer that is handed to the web server whole is its, until the reader has taken it: five hundred connections that
asked for a file of 4 MB and read nothing held 2 GB for ever. A piece is taken when the one before has gone out.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

Send = Callable[[dict[str, Any]], Awaitable[None]]
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]

# What is no longer than a piece goes out at once.
PIECE_BYTES = 64 * 1024
# 3 KB a second, as a phone at the edge of its network has; beside what the sockets of both ends hold.
PIECE_SECONDS = 20
MAX_UNSENT_BYTES = 64 * 1024 * 1024


@dataclass(eq=False, slots=True)
class _Unsent:
    """An answer on its way: what of it is left, and when it has to be given up."""

    left: int
    began_at: float
    deadline: asyncio.Timeout
    sent: int = 0

    def rate(self, now: float) -> float:
        return (self.sent + PIECE_BYTES) / (now - self.began_at + 0.001)


class UnsentAnswers:
    """
    The answers of one process that are on their way. Of one event loop, so without locks.

    Where they are more than ``MAX_UNSENT_BYTES`` together, the slowest reader's is given up. An answer that is given
    up ends short of its Content-Length, by which its reader knows.
    """

    def __init__(self) -> None:
        self._unsent: set[_Unsent] = set()

    @property
    def size(self) -> int:
        """Bytes that wait to be sent."""
        return sum(each.left for each in self._unsent)

    async def send(self, send: Send, answer: Answer) -> None:
        """Send an answer, or as much of it as its reader takes in time."""
        status, headers, body = answer
        if body and not any(name == b"content-length" for name, _ in headers):
            headers = [*headers, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if len(body) <= PIECE_BYTES:
            await send({"type": "http.response.body", "body": body})
            return
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(now + PIECE_SECONDS) as deadline:
                await self._send_pieces(send, body, _Unsent(len(body), now, deadline))
        except TimeoutError:
            return

    async def _send_pieces(self, send: Send, body: bytes, unsent: _Unsent) -> None:
        self._make_room(unsent)
        self._unsent.add(unsent)
        try:
            for start in range(0, len(body), PIECE_BYTES):
                piece = body[start : start + PIECE_BYTES]
                more = start + len(piece) < len(body)
                await send({"type": "http.response.body", "body": piece, "more_body": more})
                unsent.sent += len(piece)
                if unsent.left:
                    unsent.left -= len(piece)
                    unsent.deadline.reschedule(asyncio.get_running_loop().time() + PIECE_SECONDS)
        finally:
            self._unsent.discard(unsent)

    def _make_room(self, coming: _Unsent) -> None:
        now = asyncio.get_running_loop().time()
        while self.size + coming.left > MAX_UNSENT_BYTES and (
            waiting := [one for one in self._unsent if one.left]
        ):
            slowest = min(waiting, key=lambda each: each.rate(now))
            slowest.left = 0
            slowest.deadline.reschedule(now)
