"""
Which tests run: the long suites only when asked for, and what needs a server only where there is one.

A test that does not run is left out, never skipped: a skipped test is a failed one. The summary says how many.
"""

import os
from collections import Counter
from typing import Any

import pytest

from tests.settings import NOWHERE

LONG = "long test{s} left out (fault, fuzz and load suites): ./dev test --full runs them"
CONTRACT = "test{s} of generated clients left out: ./dev test --contract tests/contract runs them"
NO_SERVER = (
    "test{s} left out (no address of PostgreSQL or Valkey is set): ./dev test starts both and runs them"
)
# All ways to a database lead through one of these.
OF_DATABASE = {"db", "transactional_db", "django_db_setup", "template_database"}
OF_VALKEY = {"queue"}


def has_database() -> bool:
    return NOWHERE not in os.environ["DATABASE_URL"]


def has_valkey() -> bool:
    return NOWHERE not in os.environ["REDIS_URL"]


def reason_to_leave_out(item: pytest.Item, *, full: bool, contract: bool) -> str | None:
    """Return the sentence that the summary counts the test under; None if it runs."""
    if not full and item.get_closest_marker("full"):
        return LONG
    if not contract and item.get_closest_marker("contract"):
        return CONTRACT
    fixtures = set(getattr(item, "fixturenames", ()))
    if item.get_closest_marker("django_db"):
        fixtures.add("db")
    if (fixtures & OF_DATABASE and not has_database()) or (fixtures & OF_VALKEY and not has_valkey()):
        return NO_SERVER
    return None


class Selection:
    """The plugin: deselects, counts, tells. With several processes each of them counts all tests."""

    def __init__(self, config: pytest.Config) -> None:
        self.full = bool(config.getoption("--full"))
        self.contract = bool(config.getoption("--contract"))
        self.left_out: Counter[str] = Counter()

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        reasons = {item: reason_to_leave_out(item, full=self.full, contract=self.contract) for item in items}
        left_out = [item for item, reason in reasons.items() if reason]
        if left_out:
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if not reasons[item]]
        self.left_out = Counter(reason for reason in reasons.values() if reason)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["left_out"] = dict(self.left_out)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.left_out = Counter(getattr(node, "workeroutput", {}).get("left_out", self.left_out))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for reason, count in self.left_out.items():
            terminalreporter.write_line(f"{count} {reason.format(s='s' * (count != 1))}")
        if not self.left_out:
            terminalreporter.write_line("nothing left out")
