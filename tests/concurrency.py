"""Several workers at once: threads, each with a connection of its own to the live database."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

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
