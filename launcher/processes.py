"""Services: started, started again when they die or freeze, stopped in order; and what an earlier ./dev left."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any

import psutil

from launcher import locks
from launcher.data import DataDir
from launcher.output import ROOT, UserError, ignore_signals, last_lines, log, private
from launcher.stop import SERVICES, end_holders, orderly, stop_services

# What is stopped at two looks in a row is frozen.
LOOK_SECONDS = 3


@dataclass(eq=False)
class Service:
    """A process that is kept alive. ``once``: it ends by itself, and is started again only if it fails."""

    name: str
    command: list[str]
    options: dict[str, Any] = field(default_factory=dict)
    once: bool = False
    process: "subprocess.Popen[bytes]" = field(init=False)
    restarts: int = -1
    failures: int = 0
    # Monotonic seconds.
    started_at: float = 0
    restart_at: float | None = None


class Supervisor:
    """
    Starts services, brings back what died or froze, and stops every one of them at the end.

    ``attached``: all ends with this process, even if it is killed.
    """

    def __init__(self, data: DataDir, *, attached: bool) -> None:
        self.data, self.attached = data, attached
        self.services: list[Service] = []
        self._looked_at = time.monotonic()
        self._stopped: set[psutil.Process] = set()

    def start(self, service: Service) -> None:
        """Start it in a process group of its own, under a lock that its children inherit, with its words in a log."""
        # The last processes of a killed server, which hold its port or its data, need a moment to end.
        deadline = time.monotonic() + 10
        while (lock := locks.acquire(self.data.lock_of(service.name))) is None:
            if time.monotonic() > deadline:
                raise UserError(f"Processes of an earlier {service.name} do not end; `./dev down` ends them.")
            time.sleep(0.05)
        # Closed here as soon as it is started: the service itself holds the lock from then on.
        with lock, open(self.data.log_of(service.name), "ab", opener=private) as words:
            service.process = subprocess.Popen(
                service.command,
                **{
                    "cwd": ROOT,
                    "stdin": subprocess.DEVNULL,
                    "stdout": words,
                    "stderr": words,
                    **service.options,
                },
                process_group=0,  # Ctrl-C in the terminal reaches us only, and we stop things in order
                pass_fds=[lock.fileno()],
                preexec_fn=_end_with_parent(service.name) if self.attached else None,
            )
            service.restarts += 1
            service.started_at, service.restart_at = time.monotonic(), None
            locks.write_facts(lock, pid=service.process.pid, restarts=service.restarts)
        if service not in self.services:
            self.services.append(service)

    def wait_for(self, name: str, answer: Callable[[], Any], *, seconds: float, remedy: str = "") -> Any:
        """Return what ``answer`` returns, as soon as that is true; UserError if a service ends first, or too late."""
        deadline = time.monotonic() + seconds
        while not (found := answer()):
            ended = [service.name for service in self._exited()]
            if ended or time.monotonic() > deadline:
                name, what = (ended[0], "ended") if ended else (name, f"is not ready after {seconds} s")
                path = self.data.log_of(name)
                raise UserError(
                    f"The {name} process {what}{remedy}; the end of its log, {path}, follows.\n{last_lines(path)}"
                )
            time.sleep(0.05)
        return found

    def poll(self) -> None:
        """Bring back what has died: at once the first time, then at longer and longer distance."""
        self._end_frozen()
        for service in self._exited():
            if service.once and service.process.returncode == 0:
                self.services.remove(service)
                log(f"{service.name}: done.")
            elif service.restart_at is None:
                self._plan_restart(service, service.process.returncode)
            elif time.monotonic() >= service.restart_at:
                try:
                    self.start(service)
                except (UserError, OSError) as error:  # a full disk, say: the others go on
                    log(f"{service.name} cannot be started ({error}); trying again in 30 s")
                    service.restart_at = time.monotonic() + 30

    def stop(self) -> None:
        stop_services(self.data, [service.name for service in self.services])
        for service in self.services:
            if service.process.returncode is None:
                # Children without the lock. The number is still ours: nobody has waited for the leader yet.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(service.process.pid, signal.SIGKILL)
                service.process.wait()
        self.services.clear()

    def _exited(self) -> list[Service]:
        return [service for service in self.services if service.process.poll() is not None]

    def _plan_restart(self, service: Service, code: int) -> None:
        # Its children would still hold its port or its data.
        end_holders(self.data, service.name)
        service.failures = 1 if time.monotonic() - service.started_at > 60 else service.failures + 1
        pause = 0 if service.failures == 1 else min(30, 2 ** (service.failures - 2))
        service.restart_at = time.monotonic() + pause
        how = signal.Signals(-code).name if code < 0 else f"code {code}"
        when = f"in {pause} s" if pause else "now"
        log(f"{service.name} ended ({how}); starting it again {when}; see {self.data.log_of(service.name)}")

    def _end_frozen(self) -> None:
        """Kill what was stopped (SIGSTOP) at this look and the one before; whoever started it replaces it."""
        if time.monotonic() - self._looked_at < LOOK_SECONDS:
            return
        stopped = {
            process: service.name
            for service in self.services
            for process, is_stopped in tree(service.process.pid).items()
            if is_stopped
        }
        for process in stopped.keys() & self._stopped:
            log(f"{stopped[process]} is frozen (process {process.pid} was stopped); ending that process")
            with contextlib.suppress(psutil.Error):
                process.kill()
        self._stopped, self._looked_at = set(stopped), time.monotonic()


def tree(pid: int) -> dict[psutil.Process, bool]:
    """Return a process and all its children, and of each whether it is stopped; nothing where there is none."""
    found = {}
    with contextlib.suppress(psutil.Error):
        leader = psutil.Process(pid)
        for process in [leader, *leader.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                found[process] = process.status() == psutil.STATUS_STOPPED
    return found


def _end_with_parent(name: str) -> Callable[[], None] | None:
    """Linux tells the children of a killed process; elsewhere the next ./dev stops them."""
    if sys.platform != "linux":
        return None
    # A worker whose broker ends at the same moment would wait for it: SIGQUIT is Celery's cold shutdown.
    number = signal.SIGQUIT if name == "worker" else orderly(name)
    pr_set_pdeathsig, libc, parent = 1, ctypes.CDLL(None), os.getpid()

    def ask() -> None:
        libc.prctl(pr_set_pdeathsig, number)
        if os.getppid() != parent:  # it died before we asked, and nobody will tell
            os._exit(1)

    return ask


@contextlib.contextmanager
def supervisor_of(data: DataDir, lock: IO[str], *, attached: bool) -> Iterator[Supervisor]:
    """
    Lend the one supervisor of a claimed data folder.

    Whatever happens, nothing that it started outlives it; what an earlier one left is stopped first.
    """
    with lock:
        locks.write_facts(lock, pid=os.getpid())
        data.prepare()
        stop_services(data, SERVICES)
        supervisor = Supervisor(data, attached=attached)
        try:
            yield supervisor
        finally:
            ignore_signals()
            data.status.unlink(missing_ok=True)
            supervisor.stop()
