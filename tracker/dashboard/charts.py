"""
A timeline as SVG, from plain numbers. Pure.

Every panel has its measure's own scale: values are drawn as they were given, never rescaled. A day without
an entry stays open. The drawing stretches to any width while text and points keep their size: positions
across are percentages, positions down are pixels. Colours and strokes are CSS classes, because the pages
allow no inline style. ``numbers`` says the same in words and in a table.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from html import escape

from tracker.dashboard import formatting
from tracker.dashboard.chart_model import DAY_WIDTH, Day, Frame, Line, Panel

HEIGHT = 120
PAD = 10
FEWEST_FOR_A_MEAN = 3


@dataclass(frozen=True, slots=True)
class Drawing:
    """A panel drawn: SVG for the scale and the plot."""

    panel: Panel
    scale: str
    plot: str


def draw(panel: Panel, frame: Frame, description: str) -> Drawing:
    """Draw ``panel`` over the days of ``frame``; ``description`` says the same in a sentence."""
    return Drawing(panel, _scale(panel), _plot(panel, frame, description))


def axis(frame: Frame) -> str:
    """Return the axis of dates as SVG."""
    labels = "".join(
        f'<text class="{_anchor(frame.across(on))}{" minor" if minor else ""}" x="{frame.across(on)}%" y="13">'
        f"{escape(text)}</text>"
        for on, text, minor in ticks(frame)
    )
    return f'<svg class="axis" width="100%" height="18" aria-hidden="true">{labels}</svg>'


def _anchor(across: float) -> str:
    """Which side of its day a label stands on, so that none is cut off at the edges."""
    return "starts" if across < 3 else "ends" if across > 97 else "tick"


def strip(frame: Frame) -> str:
    """Return the treatment sessions as a row of marks, or nothing where there were none."""
    inside = [mark for mark in frame.marks if frame.first <= mark.on <= frame.last]
    if not inside:
        return ""
    marks = "".join(
        f'<text class="session-mark" x="{frame.across(mark.on)}%" y="13">▼</text>' for mark in inside
    )
    return f'<svg class="strip" width="100%" height="14" aria-hidden="true">{marks}</svg>'


def seven_day_mean(days: Sequence[Day]) -> list[tuple[date, float]]:
    """
    Return, for each day with an entry, the mean of the daily values in the seven days that end on it.

    A window with fewer than three days has no mean.
    """
    means: list[tuple[date, float]] = []
    start, total = 0, 0.0
    for index, day in enumerate(days):
        total += day.value
        while (day.on - days[start].on).days >= 7:
            total -= days[start].value
            start += 1
        n = index - start + 1
        if n >= FEWEST_FOR_A_MEAN:
            means.append((day.on, total / n))
    return means


def runs(points: Iterable[tuple[date, float]], widest: int) -> list[list[tuple[date, float]]]:
    """Break ``points`` wherever more than ``widest`` days lie between two of them."""
    parts: list[list[tuple[date, float]]] = []
    for on, value in points:
        if parts and (on - parts[-1][-1][0]).days <= widest:
            parts[-1].append((on, value))
        else:
            parts.append([(on, value)])
    return parts


def ticks(frame: Frame) -> list[tuple[date, str, bool]]:
    """Return (day, text, may be left out where there is little space) for the axis of dates."""
    if frame.days <= 100:
        step = 7 if frame.days <= 45 else 14
        first = frame.first + timedelta(days=-frame.first.weekday() % 7)
        mondays = [first + timedelta(days=n) for n in range(0, (frame.last - first).days + 1, step)]
        return [(on, formatting.short_day(on), bool(index % 2)) for index, on in enumerate(mondays)]
    months = (frame.last.year - frame.first.year) * 12 + frame.last.month - frame.first.month
    step = next(step for step in (1, 2, 3, 6, 12, 24, 60, 120) if months / step <= 14 or step == 120)
    found: list[tuple[date, str, bool]] = []
    for index in range(frame.first.year * 12 + frame.first.month, frame.last.year * 12 + frame.last.month):
        on = date(index // 12, index % 12 + 1, 1)
        if index % step == 0:
            with_year = not found or on.month == 1 or step >= 12
            found.append((on, f"{on:%b %Y}" if with_year else f"{on:%b}", on.month % (2 * step) != 1))
    return found


def _down(value: float, panel: Panel) -> float:
    """Where a value falls, in pixels from the top. Beyond the scale is drawn at its edge."""
    share = (value - panel.low) / (panel.high - panel.low)
    share = 0.0 if share < 0 else 1.0 if share > 1 else share
    return round(HEIGHT * (1 - share), 1)


def grid_values(panel: Panel) -> list[float]:
    """Return the values at which a scale is labelled: both ends, and what lies well between them."""
    middle = (panel.low + panel.high) / 2
    between = panel.grid or ([middle] if middle == round(middle) else [])
    # Closer than this, two labels touch.
    margin = (panel.high - panel.low) * 0.12
    inner = [value for value in between if panel.low + margin <= value <= panel.high - margin]
    return [panel.low, *inner, panel.high]


def _scale(panel: Panel) -> str:
    labels = "".join(
        f'<text x="100%" dx="-6" y="{PAD + _down(value, panel)}" dy="4">{formatting.number(value)}</text>'
        for value in grid_values(panel)
    )
    return f'<svg class="scale" height="{HEIGHT + 2 * PAD}" aria-hidden="true">{labels}</svg>'


def _plot(panel: Panel, frame: Frame, description: str) -> str:
    name = f"chart-{panel.key}"
    parts = [
        f'<svg class="plot" width="100%" height="{HEIGHT + 2 * PAD}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc">',
        f'<title id="{name}-title">{escape(panel.title)}</title>',
        f'<desc id="{name}-desc">{escape(description)}</desc>',
        _shade(panel, frame),
        _grid(panel, frame),
        _marks(frame),
    ]
    stretched = "".join(_stretched(panel, line, index, frame) for index, line in enumerate(panel.lines))
    parts.append(
        f'<svg class="stretch" x="0" y="{PAD}" width="100%" height="{HEIGHT}" '
        f'viewBox="0 0 {frame.days * DAY_WIDTH} {HEIGHT}" preserveAspectRatio="none">{stretched}</svg>'
    )
    if panel.kind == "form":
        parts += [_markers(panel, line, index, frame) for index, line in enumerate(panel.lines)]
    return "".join(parts) + "</svg>"


def _shade(panel: Panel, frame: Frame) -> str:
    """The days from which the baseline was built."""
    spans = {(b.first, b.last) for b in (line.baseline for line in panel.lines) if b and b.first and b.last}
    drawn = []
    for first, last in spans:
        if first is None or last is None or last < frame.first or first > frame.last:
            continue
        half = 50 / frame.days
        left = frame.across(max(first, frame.first)) - half
        right = frame.across(min(last, frame.last)) + half
        drawn.append(
            f'<rect class="base" x="{left:.3f}%" y="{PAD}" width="{right - left:.3f}%" height="{HEIGHT}"/>'
        )
    return "".join(drawn)


def _grid(panel: Panel, frame: Frame) -> str:
    across = [
        f'<line class="grid" x1="0" x2="100%" y1="{PAD + _down(value, panel)}" y2="{PAD + _down(value, panel)}"/>'
        for value in grid_values(panel)
    ]
    down = [
        f'<line class="grid" x1="{x}%" x2="{x}%" y1="{PAD}" y2="{PAD + HEIGHT}"/>'
        for x in (frame.across(on) for on, _, _ in ticks(frame))
    ]
    return "".join(across + down)


def _marks(frame: Frame) -> str:
    return "".join(
        f'<line class="session" x1="{frame.across(mark.on)}%" x2="{frame.across(mark.on)}%" '
        f'y1="0" y2="{HEIGHT + 2 * PAD}"/>'
        for mark in frame.marks
        if frame.first <= mark.on <= frame.last
    )


def _stretched(panel: Panel, line: Line, index: int, frame: Frame) -> str:
    """Lines and points: drawn in a space that is stretched sideways only."""
    baseline = ""
    if line.baseline:
        y = _down(line.baseline.value, panel)
        baseline = f'<path class="base-line s{index}" d="M0 {y}H{frame.days * DAY_WIDTH}"/>'
    if panel.kind == "dose":
        return baseline + _steps(panel, line, frame)
    if panel.kind == "form":
        return baseline
    return baseline + _points(panel, line, index, frame) + _means(panel, line, index, frame)


def _points(panel: Panel, line: Line, index: int, frame: Frame) -> str:
    # A line of no length with round ends is a round point of fixed size, however the drawing is stretched.
    path = "".join(
        f"M{frame.units(day.on)} {_down(day.value, panel)}h0" for day in line.days if day.on >= frame.first
    )
    return f'<path class="points s{index}" d="{path}"/>'


def _means(panel: Panel, line: Line, index: int, frame: Frame) -> str:
    means = [(on, value) for on, value in seven_day_mean(line.days) if on >= frame.first]
    path = "".join(
        "M" + "L".join(f"{frame.units(on)} {_down(value, panel)}" for on, value in run)
        for run in runs(means, widest=4)
    )
    return f'<path class="mean s{index}" d="{path}"/>'


def _steps(panel: Panel, line: Line, frame: Frame) -> str:
    """A step per day with an entry; days in a row join, a day without one stays open."""
    area, edge = [], []
    known = [(day.on, day.value) for day in line.days if day.on >= frame.first]
    for run in runs(known, widest=1):
        left = frame.units(run[0][0]) - DAY_WIDTH // 2
        path = f"M{left} {_down(run[0][1], panel)}"
        for on, value in run:
            path += f"V{_down(value, panel)}H{frame.units(on) + DAY_WIDTH // 2}"
        edge.append(path)
        area.append(f"{path}V{HEIGHT}H{left}Z")
    return f'<path class="dose-area" d="{"".join(area)}"/><path class="dose-edge" d="{"".join(edge)}"/>'


def _markers(panel: Panel, line: Line, index: int, frame: Frame) -> str:
    days = [day for day in line.days if day.on >= frame.first]
    drawn = []
    for day in days:
        x, y = frame.across(day.on), PAD + _down(day.value, panel)
        drawn.append(f'<circle class="marker s{index}" cx="{x}%" cy="{y}" r="4.5"/>')
        if len(days) <= 12:
            drawn.append(
                f'<text class="value" x="{x}%" y="{y + (20 if y < 30 else -9)}">{formatting.number(day.value)}</text>'
            )
    return "".join(drawn)
