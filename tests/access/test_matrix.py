"""
The access matrix: every route and method, asked by everybody, about what is theirs, another's and nobody's.

The answers must be those of the table (``tests.access.table``), hold no mark of what the caller may not know, leave
other people's records as they were, and never tell somebody else's thing from one that does not exist.
"""

import pytest

from tests.access import footprint, smuggling
from tests.access.judge import Judge
from tests.access.plan import asks, few, gone, routes, without_row


def test_every_route_has_a_row_and_every_row_a_route():
    assert without_row() == []
    assert gone() == []
    assert len(routes()) > 80


def test_a_new_route_without_a_row_is_named(settings):
    settings.ROOT_URLCONF = "tests.access_control.planted"

    assert any("planted" in route for route in without_row())


def test_twelve_kinds_of_people_ask_and_the_marks_are_there_to_be_found(stage):
    assert len(stage.actors) >= 12
    held = dict.fromkeys(("ada", "bea", "gus"), 0)
    for name in held:
        held[name] = sum(count for _, count, _ in footprint.of(stage.patients[name]))
    assert min(held.values()) > 20, held


def test_a_part_of_the_matrix_holds(stage):
    judge = Judge(stage).walk(few(stage))

    assert not judge.wrong, judge.said()
    assert judge.walker.sent > 400


def test_a_part_of_the_smuggled_ids_changes_nothing(stage):
    judge = smuggling.walk(Judge(stage), ("cleo",))

    assert not judge.wrong, judge.said()


@pytest.mark.full
def test_the_whole_matrix_holds(stage):
    judge = Judge(stage).walk(asks(stage))

    assert not judge.wrong, judge.said()
    assert judge.walker.sent >= 5000


@pytest.mark.full
def test_no_smuggled_id_changes_anything(stage):
    judge = smuggling.walk(Judge(stage))

    assert not judge.wrong, judge.said()
    assert judge.walker.sent >= 1000
