"""Checks of the answers: as the table says, nothing leaked, nothing changed, nobody told apart."""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from tests.access import leak_markers, row_snapshot
from tests.access.actors import Scenario
from tests.access.client import Answer, Ask, MatrixClient

Key = tuple[str, str, str, int]


class Checker:
    """Collects what is wrong, one line each."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.client = MatrixClient()
        self.wrong: list[str] = []
        self._forbidden = {
            name: re.compile("|".join(map(re.escape, leak_markers.forbidden(scenario, actor))).encode())
            for name, actor in scenario.actors.items()
        }
        self._watched = [(name, scenario.patients[name]) for name in ("ada", "bea", "gus")]
        self._before = {name: row_snapshot.take(row) for name, row in self._watched}
        self._refusals: dict[Key, dict[Answer, Ask]] = defaultdict(dict)

    def check(self, asks: Iterable[Ask]) -> "Checker":
        for ask in asks:
            self.send(ask)
        self._nobody_is_told_apart()
        return self

    def said(self) -> str:
        """What is wrong, for people to read: the first hundred lines."""
        return f"{len(self.wrong)} of {self.client.sent}:\n" + "\n".join(self.wrong[:100])

    def send(self, ask: Ask) -> Answer:
        answer = self.client.send(ask, lambda reply: self._look_for_changes(ask, reply))
        if answer.status >= 500 or ask.expected not in {0, answer.status}:
            self.wrong.append(f"status {answer.status}, not {ask.expected}: {ask}")
        self._look_for_leaks(ask, answer)
        if ask.refused:
            self._refusals[(ask.actor.name, ask.method, ask.route, ask.row)].setdefault(answer, ask)
        return answer

    def _look_for_leaks(self, ask: Ask, answer: Answer) -> None:
        given = ask.given.encode()
        if ask.whose and not ask.refused and answer.status < 400:
            # Whom it was about: an emergency opens the record of somebody who was a stranger until then.
            given += self.scenario.resources[ask.whose].get("patient", "").encode()
        for found in set(self._forbidden[ask.actor.name].findall(answer.whole)):
            if found not in given:
                self.wrong.append(f"leak of {found.decode()}: {ask}")

    def _look_for_changes(self, ask: Ask, reply: Any) -> None:
        """What is done to a record is done by who has to do with the patient, or by an administrator's invitation."""
        if ask.method in {"GET", "HEAD", "OPTIONS"} or reply.status_code >= 400:
            return
        for name, row in self._watched:
            if name in ask.actor.ties or name in ask.actor.waiting or (ask.whose == name and not ask.refused):
                continue
            if row_snapshot.take(row) != self._before[name]:
                self.wrong.append(f"the record of {name} was changed: {ask}")

    def _nobody_is_told_apart(self) -> None:
        for answers in self._refusals.values():
            if len(answers) > 1:
                told = " | ".join(str(ask) for ask in answers.values())
                self.wrong.append(f"somebody else's and a missing one differ: {told}")
