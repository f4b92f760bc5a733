"""A pid file is believed only while it names the very process that we started."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.launcher.loading import load

dev = load()


@pytest.fixture
def stranger() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def place(tmp_path: Path) -> object:
    found = dev.Place(tmp_path / "data")
    found.data.mkdir()
    found.prepare()
    return found


def test_a_process_that_we_started_is_found_again(tmp_path: Path, stranger: "subprocess.Popen[bytes]"):
    dev.write_pid(tmp_path / "web.pid", stranger.pid)

    assert dev.read_pid(tmp_path / "web.pid") == (stranger.pid, True)


def test_a_dead_process_is_known_to_be_dead(tmp_path: Path, stranger: "subprocess.Popen[bytes]"):
    dev.write_pid(tmp_path / "web.pid", stranger.pid)
    stranger.kill()
    stranger.wait()

    assert dev.read_pid(tmp_path / "web.pid") == (stranger.pid, False)


@pytest.mark.parametrize("text", ["", "12", "not a number 1 2", "1 2"])
def test_a_torn_pid_file_says_nothing(tmp_path: Path, text: str):
    (tmp_path / "web.pid").write_text(text)

    assert dev.read_pid(tmp_path / "web.pid") is None


def test_sweeping_stops_what_is_ours(place, stranger: "subprocess.Popen[bytes]"):
    dev.write_pid(place.pid_file("web"), stranger.pid)

    assert dev.sweep(place) == 1

    assert stranger.wait(5) == -signal.SIGTERM
    assert not place.pid_file("web").exists()


@pytest.mark.parametrize(("born", "booted"), [("1", None), (None, "another-boot")])
def test_sweeping_leaves_a_stranger_with_the_same_pid_alone(
    place, stranger: "subprocess.Popen[bytes]", born: str | None, booted: str | None
):
    text = f"{stranger.pid} {born or dev.birth(stranger.pid)} {booted or dev.boot()}\n"
    place.pid_file("web").write_text(text)
    place.pid_file("dev").write_text(text)

    assert dev.stop_everything(place) is False

    assert stranger.poll() is None
    assert not place.pid_file("web").exists()


@pytest.mark.parametrize(("program", "stays"), [("sleep", False), ("postgres", True)])
def test_a_database_lock_is_dropped_only_where_its_pid_is_no_database(
    tmp_path: Path, program: str, stays: bool
):
    named = Path(shutil.copy("/bin/sleep", tmp_path / program))
    process = subprocess.Popen([str(named), "60"])
    while Path(f"/proc/{process.pid}/comm").read_text().strip() != program:
        time.sleep(0.01)  # for a moment after its birth it still bears our name
    lock = tmp_path / "postmaster.pid"
    lock.write_text(f"{process.pid}\n{tmp_path}\n")

    dev.drop_stale_lock(tmp_path)
    process.kill()
    process.wait()

    assert lock.exists() is stays
