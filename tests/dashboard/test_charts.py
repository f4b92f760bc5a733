"""The timeline's drawing: values where they belong, gaps left open, the same in numbers."""

import re
from datetime import date, timedelta
from xml.etree import ElementTree

import pytest

from tracker.dashboard import chart_text, charts
from tracker.dashboard.chart_model import Baseline, Day, Frame, Line, Mark, Panel
from tracker.dashboard.fragments import render_fragment

FIRST = date(2026, 3, 2)


def day(offset: int, value: float) -> Day:
    return Day(FIRST + timedelta(days=offset), value, value, value, 1)


def panel(*days: Day, kind: str = "daily", low: float = 0, high: float = 10, **more) -> Panel:
    line = Line("Pain", days, more.pop("baseline", None))
    return Panel("pain", kind, "Pain", "", low, high, "higher is worse", [line], **more)


def frame(days: int = 10, *marks: Mark) -> Frame:
    return Frame(FIRST, FIRST + timedelta(days=days - 1), marks)


def drawn(shown: Panel, over: Frame) -> str:
    return charts.draw(shown, over, chart_text.described(shown, over)).plot


def number_table(shown: Panel, over: Frame) -> str:
    return render_fragment("number_table", table=chart_text.table(shown, over))


def test_a_drawing_is_well_formed_and_has_a_title_and_a_description():
    plot = ElementTree.fromstring(drawn(panel(day(0, 4), day(3, 6)), frame()))

    assert plot.attrib["role"] == "img"
    names = plot.attrib["aria-labelledby"].split()
    words = {part.attrib["id"]: part.text for part in plot if part.tag in {"title", "desc"}}
    assert [words[name] for name in names] == [
        "Pain",
        "2 Mar 2026 to 11 Mar 2026. Pain: 2 days with entries, from 4 to 6, 6 on 5 Mar 2026.",
    ]


@pytest.mark.parametrize(("value", "down"), [(0, 120), (5, 60), (10, 0), (-1, 120), (11, 0)])
def test_a_point_stands_at_its_value_and_never_beyond_the_scale(value, down):
    points = re.search(r'class="points s0" d="M5 ([\d.]+)h0"', drawn(panel(day(0, value)), frame()))

    assert points
    assert float(points[1]) == down


def test_a_scale_from_minus_three_is_drawn_as_it_is():
    plot = drawn(panel(day(0, -3), day(1, 3), low=-3, high=3), frame())

    assert 'd="M5 120.0h0M15 0.0h0"' in plot


def test_the_mean_needs_three_days_of_the_last_seven():
    days = [day(0, 2), day(1, 4), day(2, 6), day(7, 9), day(8, 10), day(9, 11)]

    assert charts.seven_day_mean(days) == [
        (FIRST + timedelta(days=2), 4),
        (FIRST + timedelta(days=7), pytest.approx(19 / 3)),
        (FIRST + timedelta(days=8), pytest.approx(25 / 3)),
        (FIRST + timedelta(days=9), 10),
    ]


def test_the_line_of_means_breaks_at_a_gap():
    days = [*(day(n, 5) for n in range(4)), *(day(n, 5) for n in range(20, 24))]

    path = re.search(r'class="mean s0" d="([^"]+)"', drawn(panel(*days), frame(30)))

    assert path
    assert path[1].count("M") == 2


def test_a_day_without_a_dose_stays_open_and_a_skipped_one_falls_to_zero():
    shown = panel(day(0, 150), day(1, 150), day(3, 0), day(4, 150), kind="dose", high=150)

    edge = re.search(r'class="dose-edge" d="([^"]+)"', drawn(shown, frame()))

    assert edge
    assert edge[1] == "M0 0.0V0.0H10V0.0H20M30 120.0V120.0H40V0.0H50"


def test_the_baseline_is_shaded_over_its_days():
    shown = panel(day(0, 5), baseline=Baseline(5, FIRST, FIRST + timedelta(days=4)))

    assert 'class="base" x="0.000%" y="10" width="50.000%"' in drawn(shown, frame(10))
    assert 'class="base-line s0"' in drawn(shown, frame(10))


def test_a_baseline_outside_the_range_is_not_shaded():
    shown = panel(day(0, 5), baseline=Baseline(5, date(2025, 1, 1), date(2025, 1, 14)))

    assert 'class="base"' not in drawn(shown, frame(10))


def test_a_treatment_session_is_a_line_through_the_panel_and_a_mark_above():
    over = frame(
        10, Mark(FIRST + timedelta(days=2), "IV infusion, 35 mg"), Mark(date(2020, 1, 1), "long ago")
    )

    assert drawn(panel(day(0, 5)), over).count('class="session"') == 1
    assert charts.strip(over).count("▼") == 1
    assert charts.strip(frame()) == ""


def test_form_scores_are_markers_and_are_never_joined():
    plot = drawn(panel(day(0, 14), day(7, 9), kind="form", high=27), frame())

    assert plot.count('class="marker s0"') == 2
    assert 'class="mean' not in plot


def test_a_label_from_outside_cannot_become_markup():
    line = Line("<script>alert(1)</script>", [day(0, 5)])
    shown = Panel("x", "daily", "<b>Pain</b>", "", 0, 10, "", [line])

    made = drawn(shown, frame()) + number_table(shown, frame())

    assert "<script>" not in made
    assert "<b>" not in made


def test_the_axis_names_mondays_then_months_then_years():
    assert [text for _, text, _ in charts.ticks(frame(28))] == ["2 Mar", "9 Mar", "16 Mar", "23 Mar"]
    months = charts.ticks(Frame(date(2012, 8, 13), date(2013, 4, 8)))
    assert [text for _, text, _ in months][:6] == ["Sep 2012", "Oct", "Nov", "Dec", "Jan 2013", "Feb"]
    years = charts.ticks(Frame(date(2000, 1, 1), date(2026, 1, 1)))
    assert all(on.month == 1 for on, _, _ in years)
    assert len(years) <= 14


def test_no_label_of_the_axis_is_cut_off_at_the_edge():
    axis = charts.axis(frame(29))

    assert 'class="starts" x="1.724%"' in axis
    assert 'class="ends minor" x="98.276%"' in axis or 'class="ends" x="98.276%"' in axis


def test_the_scale_is_labelled_at_its_bands_where_labels_fit():
    assert charts.grid_values(panel(kind="form", high=27, grid=[0, 5, 10, 15, 20])) == [0, 5, 10, 15, 20, 27]
    assert charts.grid_values(panel(high=10, grid=[9.5])) == [0, 10]
    assert charts.grid_values(panel(low=-3, high=3)) == [-3, 0, 3]
    assert charts.grid_values(panel(high=27)) == [0, 27]


def test_the_table_is_by_day_for_a_month_and_by_week_beyond():
    shown = panel(day(0, 4), day(1, 6))

    by_day, by_week = number_table(shown, frame(28)), number_table(shown, frame(60))

    assert '<th scope="row">3 Mar 2026</th><td>6</td>' in by_day
    assert '<th scope="row">2 Mar 2026</th><td>5 (2 days, 4 to 6)</td>' in by_week


def test_days_before_the_range_feed_the_mean_but_are_not_drawn():
    days = [day(offset, 5) for offset in (-3, -2, -1, 0)]

    plot = drawn(panel(*days), frame())

    assert 'class="points s0" d="M5 60.0h0"' in plot
    assert 'class="mean s0" d="M5 60.0"' in plot
    assert "2 Mar 2026" in number_table(panel(*days), frame())
    assert "1 Mar 2026" not in number_table(panel(*days), frame())
