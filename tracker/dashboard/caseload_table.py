"""
The rows of the caseload as HTML. Pure.

Written here and not in a template: three hundred rows through the template engine cost three times the
page's whole budget. Every text from outside is escaped in ``_text``.
"""

from collections.abc import Sequence
from html import escape as _text

from tracker.dashboard.pages.caseload import Reading, Row

_TO = '<span aria-hidden="true">→</span><span class="sr">to</span>'


def render_rows(shown: Sequence[Row], *, with_team: bool) -> str:
    """Return a table row per patient; ``with_team`` names the team under the patient."""
    return "".join(_row(row, with_team) for row in shown)


def _row(row: Row, with_team: bool) -> str:
    team = f"<small>{_text(row.team)}</small>" if with_team else ""
    reasons = "".join(f'<span class="reason {kind}">{_text(words)}</span>' for kind, words in row.reasons)
    return (
        f'<tr role="row">'
        f'<th scope="row" role="rowheader"><a href="/patients/{row.id}/">{_text(row.name)}</a>{team}</th>'
        f"{_cell('Why first', reasons or _muted('–'))}"
        f"{_cell('Pain', _reading(row.pain, row.shares_pain))}"
        f"{_cell('Mood', _reading(row.mood, row.shares_mood))}"
        f"{_cell('Last entry', f'<span>{row.last_ago}</span><small>{row.last}</small>')}"
        f"{_cell('Next check-in', _next(row))}</tr>"
    )


def _cell(label: str, content: str) -> str:
    return f'<td role="cell" data-label="{label}">{content}</td>'


def _muted(words: str) -> str:
    return f'<span class="muted">{words}</span>'


def _next(row: Row) -> str:
    if not row.next:
        return _muted("none planned")
    return f"<span>{row.next}</span><small>{_text(row.next_zone)}</small>"


def _reading(reading: Reading | None, shared: bool) -> str:
    if reading is None:
        return _muted("no entries" if shared else "not shared")
    label = _text(reading.label)
    if reading.then:
        return f"{_muted(f'was {reading.now}, {reading.then}')}<small>{label}</small>"
    return f"{_values(reading)} {_change(reading)}<small>{label}, {reading.basis}{_lacking(reading)}</small>"


def _values(reading: Reading) -> str:
    before = ""
    if reading.baseline:
        before = f'<span class="was">{reading.baseline}</span> {_TO} '
    return f'<span class="values">{before}<strong>{reading.now}</strong></span>'


def _change(reading: Reading) -> str:
    if not reading.word:
        return ""
    kind = reading.word.replace(" ", "-")
    return (
        f'<span class="change {kind}"><span aria-hidden="true">{reading.arrow}</span> '
        f"{reading.change} {reading.word}</span>"
    )


def _lacking(reading: Reading) -> str:
    if not reading.baseline:
        return ", no baseline"
    return "" if reading.word else ", too few to compare"
