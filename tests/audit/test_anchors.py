"""Anchors are written by several at once, by differing clocks, by processes that are killed; and missed if missing."""

from datetime import UTC, datetime, timedelta

import pytest

from tests import factories
from tests.audit.conftest import leave_trace, report
from tracker.audit import anchoring, anchors
from tracker.audit.anchors import Anchor, InvalidLine
from tracker.audit.models import SYSTEM

SEED = b"s" * 32
INSTANT = timedelta(milliseconds=20)
NEW_MONTH = datetime(2026, 12, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def write(folder, count: int, at: datetime = factories.MONDAY) -> None:
    anchors.append(folder, [Anchor("c", count, "00", at.isoformat())], SEED, at)


def counts(folder) -> list[int | str]:
    lines = anchors.read(folder, [anchors.public_key(SEED)])
    return [line.why if isinstance(line, InvalidLine) else line.count for line in lines]


def test_an_anchor_of_a_clock_behind_at_the_end_of_a_month_is_no_problem(tmp_path):
    write(tmp_path, 1, NEW_MONTH - MINUTE)
    write(tmp_path, 2, NEW_MONTH)
    write(tmp_path, 3, NEW_MONTH - INSTANT)

    assert counts(tmp_path) == [1, 2, 3]


def test_an_anchor_writer_that_waited_for_another_writes_no_anchor(db):
    assert anchoring.anchor_due(at=factories.MONDAY) == 1

    assert anchoring.anchor_due(at=factories.MONDAY - INSTANT) == 0
    assert anchoring.anchor_due(at=factories.MONDAY + MINUTE) == 1


def test_a_clock_that_was_set_back_does_not_stop_the_anchors(db):
    anchoring.anchor_due(at=factories.MONDAY + timedelta(days=300))

    assert anchoring.anchor_due(at=factories.MONDAY) == 1


@pytest.mark.parametrize("kept", [1, 20, -2])
def test_a_half_written_anchor_line_is_cut_off_by_the_next_writer(tmp_path, kept):
    write(tmp_path, 1)
    path = anchors.files(tmp_path)[0]
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:kept])
    assert counts(tmp_path) == [1]

    write(tmp_path, 2)

    assert counts(tmp_path) == [1, 2]


def test_an_anchor_line_without_its_newline_is_kept(tmp_path):
    write(tmp_path, 1)
    path = anchors.files(tmp_path)[0]
    path.write_bytes(path.read_bytes().rstrip(b"\n"))

    write(tmp_path, 2)

    assert counts(tmp_path) == [1, 2]


def test_a_bad_anchor_line_is_reported_and_the_anchors_after_it_are_read(tmp_path):
    for count in (1, 2, 3):
        write(tmp_path, count)
    path = anchors.files(tmp_path)[0]
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([lines[0], lines[1][:40], lines[2]]) + b"\n")

    first, bad, after, third = counts(tmp_path)
    assert (first, third) == (1, 3)
    assert "line 2: this is no anchor" in str(bad)
    assert "line 3: the line before it was removed or changed" in str(after)


def test_an_audit_chain_without_any_anchor_is_a_problem(live):
    leave_trace(live.world.clinic.pk, 2)

    (found,) = report(live).problems
    assert found.clinic_id == str(live.world.clinic.pk)
    assert "no anchor tells of its 2 events" in found.why


def test_events_that_had_ten_minutes_for_an_anchor_and_got_none_are_a_problem(audited):
    at = factories.MONDAY + 10 * MINUTE
    assert report(audited, at).problems == []

    found = report(audited, at + INSTANT).problems
    assert {one.clinic_id for one in found} == {
        str(one) for one in (audited.world.clinic.pk, audited.world.other_clinic.pk, SYSTEM)
    }
    assert {(one.seq, one.why.partition(";")[0]) for one in found} == {
        (11, "no anchor tells of its last 2 events")
    }

    anchoring.anchor_all(at=at)
    assert report(audited, at + timedelta(days=1)).problems == []


def test_a_chain_that_the_anchors_leave_out_is_a_problem_though_others_are_anchored(audited):
    leave_trace(audited.world.clinic.pk)
    late = factories.MONDAY + timedelta(hours=1)
    told = [one for one in anchoring.chain_heads(None, late) if one.clinic != str(audited.world.clinic.pk)]
    anchors.append(anchoring.folder(), told, anchoring.signing_key(), late)

    (found,) = report(audited, late).problems
    assert found.clinic_id == str(audited.world.clinic.pk)
