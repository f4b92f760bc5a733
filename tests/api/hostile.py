"""What a stranger may put into the body of a write: each spoils a body that would be taken, and is never taken."""

import gzip
import json
import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests import factories
from tests.sync.test_kinds import WHOLE
from tracker.treatment import limits

Path = tuple[str | int, ...]
RECORD = str(uuid.uuid4())
# Stands for what no JSON writer would write; it is replaced in the text.
_MARK = "\uffff-mark-\uffff"


@dataclass(frozen=True)
class Payload:
    """A body as it goes over the wire, and what is wrong with it."""

    fault: str
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


def whole_bodies(world: factories.World, device: str) -> dict[str, dict[str, Any]]:
    """For each route that takes a body, by its name: one that has everything in it."""
    # Without a positive safety answer: beside one, answers that cannot be used are kept as incomplete.
    kinds = WHOLE | {"response": WHOLE["response"] | {"answers": dict.fromkeys(factories.PHQ9_ITEMS, 0)}}
    records = [factories.record(kind, data, amendment_reason="typo") for kind, data in kinds.items()]
    one = factories.record("pain", WHOLE["pain"], amendment_reason="typo", id=RECORD)
    return {
        "push": factories.batch(*records, device=device),
        "records": one,
        "record": one,
        "devices": {"id": device, "label": "my phone"},
        "consents": {
            "text_version": 1, "base_version": 1, "teams": [{"team": str(world.team.pk), "categories": ["pain"]}],
        },
        "caregivers": {"name": "Hal", "categories": ["pain"]},
        "accept-invitation": {
            "code": "ABCDEFGH", "birth_date": "1980-12-31", "email": "ida@example.org", "password": factories.PASSWORD,
        },
        "break-glass": {"name": "Ada", "birth_date": "1980-12-31", "reason": "found unconscious at home"},
        "own-email": {"email": "another@example.org"},
        "own-email-confirm": {"code": "2222-2222-2222-2222"},
        "me": {"name": "Ada", "phone": "+31201234567", "time_zone": factories.ZONE},
        "treatment-sessions": {
            "id": str(uuid.uuid4()), "patient": str(world.ada.pk), "sent_at": "2026-03-02T10:00:00Z",
            "plan": {"kind": "plan", "id": str(uuid.uuid4()), "at": "2026-03-02T10:00:00Z",
                     "starts_at": "2026-03-03T10:00:00Z", "minutes": 90, "route": "im", "setting": "clinic",
                     "planned_amount": 40.5, "planned_unit": "mg", "text": "as before"},
        },
        "treatment-session-events": {
            "sent_at": "2026-03-02T10:00:00Z",
            "events": [{"kind": "dose", "id": str(uuid.uuid4()), "at": "2026-03-02T10:00:00Z", "amount": 40.5,
                        "unit": "mg", "given_as": "single", "text": "left arm"}],
        },
        "monitoring-limits": {
            "limits": {name: getattr(limits.DEFAULTS, name) for name in limits.BOUNDS},
            "observation_minutes": {"im": 90},
        },
        "check_ins": {"patient": str(world.ada.pk), "starts_at": "2099-01-01T10:00:00Z", "minutes": 20},
    }  # fmt: skip


def payloads(
    whole: dict[str, Any], chance: random.Random, max_body_bytes: int, number: int
) -> Iterator[Payload]:
    """Yield ``number`` malformed bodies: each fault in turn, at a place that chance chooses."""
    places = [place for place in _leaves(whole) if not isinstance(place[-1], int)]
    for n in range(number):
        turn = n % (len(_AT_A_PLACE) + len(_OF_THE_BODY))
        if turn < len(_AT_A_PLACE):
            fault, path = _AT_A_PLACE[turn], chance.choice(places)
            yield Payload(
                f"{fault.__name__} at {path}", _written(whole, path, fault(_at(whole, path), chance))
            )
        else:
            yield _OF_THE_BODY[turn - len(_AT_A_PLACE)](json.dumps(whole).encode(), chance, max_body_bytes)


def _leaves(value: Any, before: Path = ()) -> Iterator[Path]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inside:
        yield from _leaves(part, (*before, name))
    if not isinstance(value, dict | list):
        yield before


def _at(value: Any, path: Path) -> Any:
    for name in path:
        value = value[name]
    return value


def _written(whole: Any, path: Path, malformed: bytes) -> bytes:
    """The body with ``malformed``, as it stands, at ``path``."""
    copy = json.loads(json.dumps(whole))
    _at(copy, path[:-1])[path[-1]] = _MARK
    return json.dumps(copy).encode().replace(json.dumps(_MARK).encode(), malformed)


# Faults at one value: what was there, and what stands there now.


def another_type(was: Any, chance: random.Random) -> bytes:
    others = [b"{}", b"[]", b'{"a": [1]}', b"[true]"]
    others += [b"7", b"true", b"-0.5"] if isinstance(was, str) else [b'"3"', b'"yes"', b'""']
    return chance.choice(others)


def a_boolean_for_a_number(was: Any, chance: random.Random) -> bytes:
    return b"[false]" if isinstance(was, bool) else chance.choice([b"true", b"false"])


def a_number_without_end(was: Any, chance: random.Random) -> bytes:
    return chance.choice([b"1e400", b"-1e400", b"NaN", b"Infinity", b"-Infinity", b"1" + b"0" * 5000 + b".5"])


def a_huge_number(was: Any, chance: random.Random) -> bytes:
    return str(chance.choice([-1, 1]) * 10 ** chance.randint(401, 4000)).encode()


def a_nul(was: Any, chance: random.Random) -> bytes:
    return chance.choice([b'"a\\u0000b"', b'"\\u0000"', b'"a\x00b"'])


def half_a_letter(was: Any, chance: random.Random) -> bytes:
    return chance.choice([b'"\\ud800"', b'"a\\udfffb"', b'"\\ud800\\ud800"', b'"\\uDC00x"'])


def no_utf8(was: Any, chance: random.Random) -> bytes:
    return chance.choice([b'"\xff"', b'"\xc3"', b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"\xf5\x80\x80\x80"'])


def a_deep_nest(was: Any, chance: random.Random) -> bytes:
    depth = chance.choice([40, 500, 20_000, 100_000])
    return chance.choice([b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth, b"[" * depth])


def a_long_text(was: Any, chance: random.Random) -> bytes:
    return b'"' + chance.choice([b"x", "é".encode(), b"\\n", b" "]) * chance.randint(70_000, 200_000) + b'"'


def a_control(was: Any, chance: random.Random) -> bytes:
    return b'"a' + chance.choice([b"\x01", b"\x1f", b"\n"]) + b'"'


_AT_A_PLACE: tuple[Callable[[Any, random.Random], bytes], ...] = (
    another_type, a_boolean_for_a_number, a_number_without_end, a_huge_number, a_nul, half_a_letter, no_utf8,
    a_deep_nest, a_long_text, a_control,
)  # fmt: skip

# Faults of the body as a whole.


def a_key_twice(body: bytes, chance: random.Random, most: int) -> Payload:
    key = chance.choice([name for name in json.loads(body)])
    return Payload("duplicate key", b'{"%s": 1, ' % key.encode() + body.lstrip()[1:])


def an_unknown_field(body: bytes, chance: random.Random, most: int) -> Payload:
    name = chance.choice(
        ["role", "clinic_id", "owner", "author", "score", "severity", "received_at", "__proto__"]
    )
    return Payload(f"unknown field {name}", json.dumps(json.loads(body) | {name: str(uuid.uuid4())}).encode())


def no_object(body: bytes, chance: random.Random, most: int) -> Payload:
    return Payload(
        "no object", chance.choice([b"", b"null", b"[]", b"{}", b"5", b'"x"', b"true", b"[" + body + b"]"])
    )


def cut_short(body: bytes, chance: random.Random, most: int) -> Payload:
    return Payload("cut short", body[: chance.randrange(1, len(body) - 1)])


def more_behind(body: bytes, chance: random.Random, most: int) -> Payload:
    return Payload("something behind", body + chance.choice([b"x", b"{}", b"\x00", b",", body]))


def too_large(body: bytes, chance: random.Random, most: int) -> Payload:
    return Payload("too large", body + b" " * most)


def another_content_type(body: bytes, chance: random.Random, most: int) -> Payload:
    kind = chance.choice(
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml",
         "text/html", "application/octet-stream", "", "application/", "a" * 300]
    )  # fmt: skip
    return Payload(f"content type {kind[:40]!r}", body, kind)


def bad_gzip(body: bytes, chance: random.Random, most: int) -> Payload:
    packed = gzip.compress(body)
    broken = [body, packed[:-4], packed[:20], packed + b"x", b"", gzip.compress(b" " * (8 * most))]
    return Payload("bad gzip", chance.choice(broken), headers={"Content-Encoding": "gzip"})


def another_encoding(body: bytes, chance: random.Random, most: int) -> Payload:
    name = chance.choice(["br", "deflate", "zstd", "gzip, gzip", "x" * 200])
    return Payload(f"encoding {name[:20]}", body, headers={"Content-Encoding": name})


_OF_THE_BODY: tuple[Callable[[bytes, random.Random, int], Payload], ...] = (
    a_key_twice, an_unknown_field, no_object, cut_short, more_behind, too_large, another_content_type, bad_gzip,
    another_encoding,
)  # fmt: skip
