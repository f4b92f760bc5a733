"""Real processes for tests: web server, Celery worker, beat, watch, each with an environment of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.request import ProxyHandler, build_opener

from celery import Celery

ROOT = Path(__file__).resolve().parents[1]
_OPENER = build_opener(ProxyHandler({}))


def wait_until(true: Callable[[], Any], *, seconds: float = 60, what: str = "it") -> Any:
    """Return what ``true`` returns as soon as it is true; fail if it never is."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = true()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {seconds} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(*command: str, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program of the environment until the block ends. ``TEST_LOG`` in it names a file for what it says."""
    said = environment.get("TEST_LOG", os.devnull)
    with open(said, "ab") as log:
        yield from _running(command, environment, log)


def _running(
    command: tuple[str, ...], environment: Mapping[str, str], log: IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", *command] if command[0] != "manage.py" else [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)


@contextmanager
def web(environment: Mapping[str, str]) -> Iterator[str]:
    """A real web server; yields its address."""
    with web_process(environment) as (url, _):
        yield url


@contextmanager
def web_process(environment: Mapping[str, str]) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A real web server; yields its address and its process."""
    port = free_port()
    command = ("backend.serve", "--port", str(port), "--workers", "1")
    url = f"http://127.0.0.1:{port}"
    environment = {"PUBLIC_URL": url} | dict(environment)
    with running(*command, environment=environment) as process:
        wait_until(lambda: answers(url), what="the web server's answer")
        yield url, process


def answers(url: str) -> bool:
    # Asked many times while a server starts: a client of httpx reads all certificates each time.
    try:
        with _OPENER.open(f"{url}/health/live", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, HTTPException):
        return False


@contextmanager
def worker(environment: Mapping[str, str], *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A real Celery worker with one child process; ``more`` are options of its own."""
    level = "INFO" if "TEST_LOG" in environment else "ERROR"
    command = ("celery", "-A", "backend", "worker", "--concurrency", "1", "--loglevel", level)
    with running(*command, *more, environment=environment) as process:
        yield process


def hint(environment: Mapping[str, str], task: str, **options: Any) -> None:
    """Put a task on the queue by its name, as beat does."""
    with Celery("test", broker=environment["REDIS_URL"], broker_pool_limit=0) as app:
        app.send_task(task, **options)
