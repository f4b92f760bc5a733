"""Several workers at once: threads, each with a connection of its own to the live database."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import connection, transaction

from tests.servers import wait_until

Result = TypeVar("Result")


def run_concurrently(*acts: Callable[[], Result]) -> list[Result | Exception]:
    """Begin all ``acts`` in the same moment; return what each returned or raised, in their order."""
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], Result]) -> Result | Exception:
        try:
            with connection.cursor() as cursor:
                # A lock that is never given fails the test instead of holding it up for ever.
                cursor.execute("SET lock_timeout = '20s'")
            start.wait(10)
            return act()
        except Exception as problem:
            return problem
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


_SOMEBODY_WAITS_FOR_US = """
SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))
"""


def run_during(change: Callable[[], object], act: Callable[[], Any]) -> Any:
    """
    Make ``change`` in a transaction; begin ``act`` before it is committed, and commit once ``act`` waits or is over.

    Return what ``act`` returned or raised. It has read what it reads before its first lock, and not the change.
    """
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(act())
        except Exception as problem:
            outcome.append(problem)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    with transaction.atomic():
        change()
        thread.start()
        wait_until(lambda: _somebody_waits_for_us() or not thread.is_alive(), what="the other transaction")
    thread.join(30)
    return outcome[0]


def _somebody_waits_for_us() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_SOMEBODY_WAITS_FOR_US)
        return bool(cursor.fetchone()[0])
