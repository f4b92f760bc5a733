"""Locks tell what runs: held by a service and its children, let go of when the last of them dies."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from launcher import locks, processes, product, servers, stop
from launcher.data import DataDir
from launcher.output import UserError
from launcher.processes import Service, Supervisor
from launcher.stop import alive, stop_services
from tests.servers import wait_until

FOREVER = [sys.executable, "-c", "import time; time.sleep(60)"]
# A parent that does not end when asked, with a child that does not either.
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], close_fds=False); time.sleep(60)",
]


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    data = DataDir(tmp_path / "data")
    data.path.mkdir()
    data.prepare()
    data.lock.touch()  # says that the folder is ours
    return data


@pytest.fixture
def supervisor(data: DataDir) -> Iterator[Supervisor]:
    supervisor = Supervisor(data, attached=False)
    yield supervisor
    for service in supervisor.services:
        if service.process and service.process.poll() is None:
            os.killpg(service.process.pid, signal.SIGKILL)
            service.process.wait()


def child_of(service: Service) -> psutil.Process:
    """Return the one child of a service, as soon as it is there."""
    assert service.process
    leader = psutil.Process(service.process.pid)
    child: psutil.Process = wait_until(lambda: next(iter(leader.children()), None), what="the child")
    return child


def poll_until_restarted(supervisor: Supervisor, service: Service, restarts: int = 1) -> None:
    def is_restarted() -> bool:
        supervisor.poll()
        return service.restarts >= restarts

    wait_until(is_restarted, what="the restart")


def test_a_started_service_holds_its_lock_and_a_killed_one_does_not(supervisor: Supervisor):
    service = Service("web", FOREVER)
    supervisor.start(service)
    assert service.process
    assert alive(supervisor.data)["web"]["pid"] == service.process.pid

    service.process.kill()
    service.process.wait()

    assert alive(supervisor.data) == {}


def test_the_log_and_the_lock_of_a_service_are_readable_by_their_owner_only(supervisor: Supervisor):
    supervisor.start(Service("web", FOREVER))

    for path in (supervisor.data.log_of("web"), supervisor.data.lock_of("web")):
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_child_whose_supervisor_died_before_it_asked_to_be_told_ends_itself():
    ask = processes._end_with_parent("web")
    assert ask

    def lose_parent() -> None:
        if os.fork():
            os._exit(0)
        ask()

    done = subprocess.run(
        [sys.executable, "-c", "print('lives')"], preexec_fn=lose_parent, stdout=subprocess.PIPE, text=True
    )

    assert done.stdout == ""


def test_a_lock_file_of_a_dead_process_names_nobody(data: DataDir):
    data.lock_of("web").write_text('{"pid": 1}')

    assert alive(data) == {}
    stop_services(data, ["web"])  # and init lives on


def test_the_number_in_a_lock_file_is_never_signalled_only_who_holds_the_lock(data: DataDir):
    stranger = subprocess.Popen(FOREVER)
    lock = locks.acquire(data.lock_of("web"))
    assert lock
    holder = subprocess.Popen(FOREVER, pass_fds=[lock.fileno()])
    locks.write_facts(lock, pid=stranger.pid)
    lock.close()
    assert locks.holders(data.lock_of("web")) == [holder.pid]

    stop_services(data, ["web"])

    assert holder.wait(5) == -signal.SIGTERM
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_a_service_whose_facts_could_not_be_written_is_found_and_stopped(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
):
    def is_full(facts: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("launcher.locks.json.dumps", is_full)
    service = Service("web", FOREVER)
    supervisor.start(service)
    assert service.process
    assert alive(supervisor.data) == {"web": {}}

    assert stop.stop_everything(supervisor.data) is True

    assert alive(supervisor.data) == {}
    assert service.process.wait(5) == -signal.SIGTERM


def test_a_frozen_child_in_a_session_of_its_own_does_not_outlive_its_killed_leader(supervisor: Supervisor):
    """So are PostgreSQL's: such a one kept the lock, and the database never came back."""
    service = Service(
        "postgres", [*STUBBORN[:2], STUBBORN[2].replace("close_fds=", "start_new_session=True, close_fds=")]
    )
    supervisor.start(service)
    assert service.process
    child = child_of(service)
    child.suspend()
    service.process.kill()
    service.process.wait()

    poll_until_restarted(supervisor, service)

    wait_until(lambda: not child.is_running(), what="the child's end")


def test_a_lock_has_one_holder(data: DataDir):
    lock = locks.acquire(data.lock)
    assert lock
    with lock:
        assert locks.is_held(data.lock)
        assert locks.holders(data.lock) == [os.getpid()]
        assert locks.acquire(data.lock) is None

    assert not locks.is_held(data.lock)
    assert locks.holders(data.lock) == []


def test_a_folder_of_somebody_else_is_not_looked_at(tmp_path: Path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "status.json").write_text("{}")

    with pytest.raises(UserError, match="neither empty nor a data folder"):
        stop.stop_everything(DataDir(tmp_path))

    assert (tmp_path / "run" / "status.json").exists()


def test_a_killed_service_is_started_again_at_once_and_the_third_time_later(supervisor: Supervisor):
    service = Service("web", FOREVER)
    supervisor.start(service)
    for restarts in (1, 2):
        assert service.process
        service.process.kill()
        service.process.wait()
        poll_until_restarted(supervisor, service, restarts)

    assert service.failures == 2
    assert alive(supervisor.data)["web"]["restarts"] == 2


def test_a_service_that_does_its_work_once_is_not_started_again(supervisor: Supervisor):
    supervisor.start(Service("demo", [sys.executable, "-c", ""], once=True))

    def is_over() -> bool:
        supervisor.poll()
        return not supervisor.services

    wait_until(is_over, what="the end of the service")


def test_a_frozen_service_is_ended_and_started_again(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("launcher.processes.LOOK_SECONDS", 0.2)
    service = Service("worker", FOREVER)
    supervisor.start(service)
    assert service.process

    service.process.send_signal(signal.SIGSTOP)

    poll_until_restarted(supervisor, service)
    assert alive(supervisor.data)["worker"]["pid"] == service.process.pid


def test_a_service_and_its_children_that_will_not_stop_are_killed(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("launcher.stop.STOP_SECONDS", 0.5)
    service = Service("web", STUBBORN)
    supervisor.start(service)
    assert service.process
    child = child_of(service)

    supervisor.stop()

    assert alive(supervisor.data) == {}
    wait_until(lambda: not child.is_running(), what="the child's end")


def test_children_that_outlive_a_killed_service_are_found_by_its_lock(supervisor: Supervisor):
    service = Service("web", STUBBORN)
    supervisor.start(service)
    assert service.process
    child = child_of(service)
    service.process.kill()
    service.process.wait()
    assert alive(supervisor.data)["web"]["pid"] == service.process.pid

    poll_until_restarted(supervisor, service)

    wait_until(lambda: not child.is_running(), what="the child's end")


def test_a_service_of_which_a_stranger_holds_the_lock_is_not_started(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
):
    clock = iter(range(0, 100, 9))
    lock = locks.acquire(supervisor.data.lock_of("web"))
    assert lock
    with lock, monkeypatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: next(clock))
        with pytest.raises(UserError, match=r"earlier web do not end; `\./dev down` ends them"):
            supervisor.start(Service("web", FOREVER))


def test_a_process_that_ends_while_starting_is_named_with_the_end_of_its_log(supervisor: Supervisor):
    supervisor.start(Service("web", [sys.executable, "-c", "raise RuntimeError('the planted mistake')"]))

    with pytest.raises(UserError) as refusal:
        product.wait_until_ready(supervisor, servers.free_port())

    assert "The web process ended; the end of its log, " in str(refusal.value)
    assert str(refusal.value).endswith("RuntimeError: the planted mistake")


@pytest.mark.parametrize(
    ("program", "is_dead", "stays"),
    [("sleep", False, False), ("postgres", False, True), ("postgres", True, False)],
)
def test_a_database_lock_is_dropped_only_where_its_pid_is_no_living_database(
    tmp_path: Path, program: str, is_dead: bool, stays: bool
):
    named = Path(shutil.copy("/bin/sleep", tmp_path / program))
    process = subprocess.Popen([str(named), "60"])
    # For a moment after its birth it still bears our name.
    comm = Path(f"/proc/{process.pid}/comm")
    wait_until(lambda: comm.read_text().strip() == program, what="its own name")
    if is_dead:
        process.kill()  # and not waited for
        wait_until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE, what="its death")
    lock = tmp_path / "postmaster.pid"
    lock.write_text(f"{process.pid}\n{tmp_path}\n")

    servers.drop_stale_lock(tmp_path)
    process.kill()
    process.wait()

    assert lock.exists() is stays
