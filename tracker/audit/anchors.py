"""
Signed anchors: how far each chain has come, written outside the database.

A line holds clinic, count, hash and time, the hash of the line before it, and an Ed25519 signature over all of
it. Whoever can rewrite the whole database cannot rewrite these; ship the folder to another machine.
"""

import base64
import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_TAIL = 64 * 1024


@dataclass(frozen=True, slots=True)
class InvalidLine:
    """A line was changed, or signed by somebody else, or the one before it was removed: ``why`` says which."""

    why: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """``count`` events stood in the chain of ``clinic`` at ``at``; the last one's hash is ``hash``."""

    clinic: str
    count: int
    hash: str
    at: str


def public_key(seed: bytes) -> bytes:
    """Return the public key of a 32-byte secret one."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def _key_id(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:16]


def _bytes(line: dict[str, Any]) -> bytes:
    """What is signed: all members but the signature, in one spelling."""
    return json.dumps({name: line[name] for name in sorted(line) if name != "signature"}).encode()


def files(folder: Path) -> list[Path]:
    """Return the files of the folder, oldest first: one a month."""
    return sorted(folder.glob("anchors-*.jsonl"))


def last_line(folder: Path) -> bytes:
    """Return the newest line, without its end; nothing if there is none."""
    for path in reversed(files(folder)):
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            lines = file.read().splitlines()
        if lines:
            return lines[-1]
    return b""


def append(folder: Path, anchors: Iterable[Anchor], seed: bytes, at: datetime) -> int:
    """Append a signed line for each anchor, safely beside others who do the same; return how many."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with folder_lock(folder):
        return append_locked(folder, anchors, seed, at)


def append_locked(folder: Path, anchors: Iterable[Anchor], seed: bytes, at: datetime) -> int:
    """The same, for who holds the lock."""
    key = Ed25519PrivateKey.from_private_bytes(seed)
    truncate_partial_line(folder)
    before, count = last_line(folder), 0
    # Never into a file before the newest: a writer whose clock is behind would put its line in the middle.
    with max([*files(folder), folder / f"anchors-{at:%Y-%m}.jsonl"]).open("ab") as file:
        for anchor in anchors:
            line: dict[str, Any] = {
                "at": anchor.at, "clinic": anchor.clinic, "count": anchor.count, "hash": anchor.hash,
                "key": _key_id(public_key(seed)), "before": hashlib.sha256(before).hexdigest(),
            }  # fmt: skip
            line["signature"] = base64.b64encode(key.sign(_bytes(line))).decode()
            before, count = json.dumps(line).encode(), count + 1
            file.write(before + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return count


def truncate_partial_line(folder: Path) -> None:
    """Cut off a line of which only a part was written, and end one that lacks only its end."""
    path = next(iter(reversed(files(folder))), None)
    if path is None or not (rest := _unended(path)):
        return
    with path.open("r+b") as file:
        if rest.endswith(b"}"):
            file.seek(0, os.SEEK_END)
            file.write(b"\n")
        else:
            file.truncate(path.stat().st_size - len(rest))
        file.flush()
        os.fsync(file.fileno())


def _unended(path: Path) -> bytes:
    """What stands after the last line that has an end."""
    return path.read_bytes().rpartition(b"\n")[2]


class folder_lock:
    """Hold the folder's lock for the block: two writers never mix their lines."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        self.file = (self.folder / ".lock").open("ab")
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self.file.close()


def read(folder: Path, public_keys: Iterable[bytes]) -> Iterator[Anchor | InvalidLine]:
    """
    Yield the anchors that one of ``public_keys`` signed, in the order they were written, and each line that is bad.

    What stands after the last line's end is not told: somebody is writing it, or was stopped; the next writer mends it.
    """
    known = {_key_id(public): Ed25519PublicKey.from_public_bytes(public) for public in public_keys}
    before = b""
    for path in files(folder):
        for number, raw in enumerate(path.read_bytes().rpartition(b"\n")[0].splitlines(), start=1):
            yield from _checked(raw, before, known, f"{path.name}, line {number}")
            before = raw


def _checked(
    raw: bytes, before: bytes, known: dict[str, Ed25519PublicKey], place: str
) -> Iterator[Anchor | InvalidLine]:
    """An anchor that follows on another line than it should is told as one: its signature still stands for it."""
    try:
        line = json.loads(raw)
        signature = base64.b64decode(line["signature"])
        anchor = Anchor(line["clinic"], line["count"], line["hash"], line["at"])
        key, previous, signed = known.get(line["key"]), line["before"], _bytes(line)
    except (ValueError, KeyError, TypeError):
        yield InvalidLine(f"{place}: this is no anchor")
        return
    if key is None:
        yield InvalidLine(f"{place}: signed with a key that is not ours")
        return
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        yield InvalidLine(f"{place}: the signature is broken")
        return
    if previous != hashlib.sha256(before).hexdigest():
        yield InvalidLine(f"{place}: the line before it was removed or changed")
    yield anchor
