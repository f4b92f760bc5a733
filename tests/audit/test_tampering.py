"""Tampering with the audit, even by the owner of the database, is found, and the first bad event is named."""

import base64
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command

from tests import factories
from tests.audit.conftest import report
from tracker.audit import anchoring, anchors, chain
from tracker.audit.models import SYSTEM

EVENT_AT = "SELECT event_id FROM audit_chainlink WHERE clinic_id = %s AND seq = %s"
COLUMNS = (
    "id::text, (extract(epoch FROM at) * 1000000)::bigint::text, actor, on_behalf_of, action, kind, subject,"
    " patient::text, array_to_string(patients, ','), purpose, device, request, result, detail::text"
)


@dataclass
class Culprit:
    """The owner of the database, what they can reach, and the clinic whose events they are after."""

    sql: Callable[..., Any]
    clinic: UUID
    other: UUID
    folder: Path

    def event_at(self, seq: int) -> int:
        return int(self.sql(EVENT_AT, self.clinic, seq)[0][0])

    def lines(self) -> list[str]:
        return anchors.files(self.folder)[0].read_text().splitlines()

    def write_lines(self, lines: list[str]) -> None:
        anchors.files(self.folder)[0].write_text("\n".join(lines) + "\n")

    def hash_again_from(self, first: int) -> None:
        """Make every hash from ``first`` on fit what stands there now: links and head, as the product would."""
        before = chain.START if first == 1 else bytes(self.sql(
            "SELECT hash FROM audit_chainlink WHERE clinic_id = %s AND seq = %s", self.clinic, first - 1,
        )[0][0])  # fmt: skip
        for seq, event_id in self.sql(
            "SELECT seq, event_id FROM audit_chainlink WHERE clinic_id = %s AND seq >= %s ORDER BY seq",
            self.clinic, first,
        ):  # fmt: skip
            parts = self.sql(f"SELECT {COLUMNS} FROM audit_auditevent WHERE id = %s", event_id)[0]
            before = chain.next_hash(before, str(self.clinic), seq, parts)
            self.sql(
                "UPDATE audit_chainlink SET hash = %s WHERE clinic_id = %s AND seq = %s",
                before,
                self.clinic,
                seq,
            )
        self.sql("UPDATE audit_chainhead SET hash = %s WHERE clinic_id = %s", before, self.clinic)


@pytest.fixture
def culprit(audited, owner, anchors_folder) -> Culprit:
    return Culprit(owner, audited.world.clinic.pk, audited.world.other_clinic.pk, anchors_folder)


def change_a_field(it: Culprit) -> None:
    it.sql("UPDATE audit_auditevent SET actor = 'user/2' WHERE id = %s", it.event_at(5))


def change_a_detail(it: Culprit) -> None:
    it.sql("UPDATE audit_auditevent SET detail = '{}' WHERE id = %s", it.event_at(5))


def change_the_time(it: Culprit) -> None:
    it.sql("UPDATE audit_auditevent SET at = at + interval '1 microsecond' WHERE id = %s", it.event_at(5))


def remove_an_event(it: Culprit) -> None:
    it.sql("DELETE FROM audit_auditevent WHERE id = %s", it.event_at(5))


def remove_an_event_and_its_link(it: Culprit) -> None:
    remove_an_event(it)
    it.sql("DELETE FROM audit_chainlink WHERE clinic_id = %s AND seq = 5", it.clinic)


def remove_a_link(it: Culprit) -> None:
    it.sql("DELETE FROM audit_chainlink WHERE clinic_id = %s AND seq = 5", it.clinic)


def cut_off_the_end(it: Culprit) -> None:
    """Events, links and head, down to the fifth: in the database all fits."""
    it.sql("DELETE FROM audit_auditevent WHERE clinic_id = %s AND id >= %s", it.clinic, it.event_at(5))
    it.sql("DELETE FROM audit_chainlink WHERE clinic_id = %s AND seq >= 5", it.clinic)
    it.sql(
        "UPDATE audit_chainhead SET (seq, event_id, hash) = (SELECT seq, event_id, hash FROM audit_chainlink"
        " WHERE clinic_id = %s AND seq = 4) WHERE clinic_id = %s",
        it.clinic, it.clinic,
    )  # fmt: skip


def put_an_event_beside(it: Culprit) -> None:
    it.sql(
        "INSERT INTO audit_auditevent (at, clinic_id, actor, on_behalf_of, action, kind, subject, purpose, device,"
        " request, result, detail) VALUES (now(), %s, 'user/9', '', 'x', '', 'x', '', '', '', 'DONE', '{}')",
        it.clinic,
    )


def swap_two_events(it: Culprit) -> None:
    fifth, sixth = it.event_at(5), it.event_at(6)
    for seq, event_id in ((5, -1), (6, fifth), (5, sixth)):
        it.sql(
            "UPDATE audit_chainlink SET event_id = %s WHERE clinic_id = %s AND seq = %s",
            event_id,
            it.clinic,
            seq,
        )


def hash_again_from_the_middle(it: Culprit) -> None:
    """All of the database fits again; only the anchors know better."""
    change_a_field(it)
    it.hash_again_from(5)


def roll_back_the_head(it: Culprit) -> None:
    it.sql("UPDATE audit_chainhead SET seq = seq - 1 WHERE clinic_id = %s", it.clinic)


def remove_the_head(it: Culprit) -> None:
    it.sql("DELETE FROM audit_chainhead WHERE clinic_id = %s", it.clinic)


def empty_everything(it: Culprit) -> None:
    it.sql("TRUNCATE audit_auditevent, audit_chainlink, audit_chainhead")


def move_to_another_clinic(it: Culprit) -> None:
    it.sql("UPDATE audit_auditevent SET clinic_id = %s WHERE id = %s", it.other, it.event_at(5))


def change_an_anchor(it: Culprit) -> None:
    lines = it.lines()
    line = json.loads(lines[1])
    it.write_lines([lines[0], json.dumps(line | {"count": line["count"] - 1}), *lines[2:]])


def remove_an_anchor(it: Culprit) -> None:
    lines = it.lines()
    it.write_lines([lines[0], *lines[2:]])


def sign_with_another_key(it: Culprit) -> None:
    """The whole file anew, signed by somebody else, over a chain that was hashed again."""
    hash_again_from_the_middle(it)
    for path in anchors.files(it.folder):
        path.unlink()
    anchors.append(it.folder, anchoring.chain_heads(None, factories.MONDAY), os.urandom(32), factories.MONDAY)


IN_THE_CHAIN: list[tuple[Callable[[Culprit], None], int, str]] = [
    (change_a_field, 5, "not as it was written"),
    (change_a_detail, 5, "not as it was written"),
    (change_the_time, 5, "not as it was written"),
    (remove_an_event, 5, "removed"),
    (move_to_another_clinic, 5, "moved away"),
    (remove_an_event_and_its_link, 5, "link is missing"),
    (remove_a_link, 5, "link is missing"),
    (swap_two_events, 5, "not as it was written"),
    (cut_off_the_end, 5, "an anchor knows 10 events"),
    (hash_again_from_the_middle, 10, "not the one that was anchored"),
    (roll_back_the_head, 13, "the head tells of 11 events"),
    (remove_the_head, 12, "the head is missing"),
    (empty_everything, 1, "an anchor knows 10 events"),
]
IN_THE_ANCHORS = [
    (change_an_anchor, "line 2: the signature is broken"),
    (remove_an_anchor, "line 2: the line before it was removed"),
    (sign_with_another_key, "line 1: signed with a key that is not ours"),
]


def test_an_audit_chain_that_nobody_touched_verifies(audited):
    found = report(audited)

    assert (found.events, found.chains, found.anchors, found.problems) == (36, 3, 3, [])


@pytest.mark.parametrize(
    ("tamper", "seq", "why"), IN_THE_CHAIN, ids=lambda value: getattr(value, "__name__", "")
)
def test_tampering_with_the_audit_chain_is_found_at_its_first_event(audited, culprit, tamper, seq, why):
    event_id = culprit.event_at(min(seq, 12))

    tamper(culprit)

    found = [one for one in report(audited).problems if one.clinic_id == str(culprit.clinic)]
    assert len(found) == 1
    assert why in found[0].why
    assert found[0].seq == seq
    if tamper in {change_a_field, change_a_detail, change_the_time, remove_an_event, move_to_another_clinic}:
        assert found[0].event_id == event_id


def test_an_audit_event_inserted_beside_the_chain_is_found(audited, culprit):
    put_an_event_beside(culprit)

    (found,) = report(audited).problems
    assert found.event_id == culprit.sql("SELECT max(id) FROM audit_auditevent")[0][0]
    assert "beside the chain" in found.why


@pytest.mark.parametrize(("tamper", "why"), IN_THE_ANCHORS, ids=lambda value: getattr(value, "__name__", ""))
def test_tampering_with_the_anchors_is_found_at_its_line(audited, culprit, tamper, why):
    tamper(culprit)

    assert why in "\n".join(str(problem) for problem in report(audited).problems)


def test_an_anchor_of_another_database_is_no_anchor_of_this_one(audited, culprit):
    """A signed line that tells of a chain with other events: the key is ours, the chain is not."""
    foreign = anchors.Anchor(str(culprit.clinic), 12, "00" * 32, factories.MONDAY.isoformat())
    anchors.append(culprit.folder, [foreign], _seed(), factories.MONDAY)

    (found,) = report(audited).problems
    assert (found.seq, found.why) == (12, "the event is not the one that was anchored")


def _seed() -> bytes:
    return base64.b64decode(os.environ["ANCHOR_KEY"])


def test_the_audit_command_reports_tampering_and_exits_with_1(audited, culprit, capsys):
    with pytest.raises(CommandError, match="no anchor tells of its last 2 events"):
        call_command("audit", "verify")
    call_command("audit", "anchor")
    call_command("audit", "verify")
    assert "36 events in 3 chains are as they were written" in capsys.readouterr().out

    change_a_field(culprit)
    with pytest.raises(CommandError, match=f"event {culprit.event_at(5)}") as raised:
        call_command("audit", "verify", "--clinic", str(culprit.clinic))
    assert raised.value.returncode == 1

    call_command("audit", "verify", "--clinic", str(culprit.other))


def test_the_audit_command_writes_an_anchor_of_every_chain(audited, anchors_folder, capsys):
    call_command("audit", "anchor")

    assert "3 anchors" in capsys.readouterr().out
    told = anchors.read(anchors_folder, [anchors.public_key(_seed())])
    counts = [anchor.count for anchor in told if isinstance(anchor, anchors.Anchor)]
    assert counts == [10, 10, 10, 12, 12, 12]
    assert str(SYSTEM) in anchors_folder.joinpath(anchors.files(anchors_folder)[-1]).read_text()
