"""Numbers, days and ages as people read them."""

from datetime import date, timedelta

import pytest

from tracker.dashboard import formatting, triage


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (-0.04, "0"),
        (6, "6"),
        (6.04, "6"),
        (6.25, "6.2"),
        (-1.5, "−1.5"),
        (145.7143, "145.7"),
        (20, "20"),
    ],
)
def test_a_number_is_rounded_with_a_true_minus(value, shown):
    assert formatting.number(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(1.4, "+1.4"), (-2, "−2"), (0, "0"), (0.01, "0")])
def test_a_change_carries_its_sign(value, shown):
    assert formatting.signed(value) == shown


@pytest.mark.parametrize(
    ("word", "change", "shown"),
    [
        ("worse", 0.1, "↑"),
        ("better", -0.1, "↓"),
        ("about the same", 0.1, "→"),
        ("about the same", -0.1, "→"),
        ("about the same", 0, "→"),
        ("higher", 0, "→"),
        ("lower", -0.0, "→"),
    ],
)
def test_the_arrow_of_a_change_is_level_at_zero_and_where_it_is_about_the_same(word, change, shown):
    assert formatting.arrow(word, change) == shown
    assert triage.Change(change, word).arrow == shown


@pytest.mark.parametrize(
    ("days", "shown"),
    [
        (-1, "dated 1 day ahead"),
        (0, "today"),
        (1, "yesterday"),
        (2, "2 days ago"),
        (99, "99 days ago"),
        (100, "3 months ago"),
        (4975, "13 years ago"),
    ],
)
def test_how_long_ago_a_day_was(days, shown):
    assert formatting.days_ago(days) == shown


@pytest.mark.parametrize(
    ("span", "shown"),
    [
        (timedelta(seconds=-30), "0 min"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(minutes=60), "1 h"),
        (timedelta(hours=47), "47 h"),
        (timedelta(hours=48), "2 days"),
        (timedelta(days=729), "729 days"),
        (timedelta(days=4975), "13 years"),
    ],
)
def test_an_age_is_in_its_largest_useful_unit(span, shown):
    assert formatting.age(span) == shown


def test_missed_days_are_listed_in_runs():
    days = [date(2012, 8, 3), *(date(2012, 8, day) for day in (5, 6, 7)), date(2012, 8, 9)]

    assert formatting.listed(days) == "3 Aug, 5 Aug to 7 Aug and 9 Aug"
    assert formatting.listed([]) == ""


def test_things_are_counted():
    assert formatting.count(1, "day") == "1 day"
    assert formatting.count(1200, "daily log") == "1,200 daily logs"
    assert formatting.count(2, "journal entry") == "2 journal entries"
