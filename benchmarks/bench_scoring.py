"""Scoring 10,000 PHQ-9 responses in one process, as a ratio to a bare Python sum of the same answers."""

import random
import sys
import time
import timeit
from collections.abc import Callable
from typing import Any

from tracker.instruments import catalogue, scoring
from tracker.instruments.definition import InstrumentDefinition

RESPONSES = 10_000
# About 18 us a response: the 50 questionnaires of a push of 500 take 1 ms of the 42 ms that it takes a processor.
LIMIT = 200
RUNS = 20


def responses(form: InstrumentDefinition, seed: int) -> list[dict[str, Any]]:
    """Complete forms with random answers; item 9 is positive in three of four, which is the dearer case."""
    chance = random.Random(seed)
    return [{name: chance.randrange(4) for name in form.scored} for _ in range(RESPONSES)]


def best(*works: Callable[[], object]) -> list[float]:
    """
    The seconds of processor time of each one's quickest run; the others were disturbed.

    They take turns, so that a busy stretch of the machine falls on all of them.
    """
    rounds = [[timeit.timeit(work, timer=time.process_time, number=1) for work in works] for _ in range(RUNS)]
    return [min(times) for times in zip(*rounds, strict=True)]


def main() -> int:
    form = catalogue.latest("phq-9")
    answers = responses(form, seed=9)
    scoring.score(form, answers[0])

    bare, looked_up, ours = best(
        lambda: [sum(given.values()) for given in answers],
        lambda: [sum(given[name] for name in form.scored) for given in answers],
        lambda: [scoring.score(form, given) for given in answers],
    )

    print(f"{RESPONSES} PHQ-9 responses, processor time, best of {RUNS} turns")
    print(f"  bare sum of the values        {bare * 1e3:8.2f} ms")
    print(f"  sum of the items by name      {looked_up * 1e3:8.2f} ms  {looked_up / bare:6.1f} x")
    print(f"  scored, checked, with bands   {ours * 1e3:8.2f} ms  {ours / bare:6.1f} x   limit {LIMIT}")
    if ours / bare > LIMIT:
        print(f"too slow: {ours / bare:.1f} times a bare sum, and {LIMIT} is the limit", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
