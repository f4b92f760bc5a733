"""The servers of a run that keeps nothing: their files lie in memory where there is room, and go with the run."""

from pathlib import Path

import pytest

from launcher import runs
from launcher.data import DataDir


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of the system's memory, with room enough."""
    folder = tmp_path / "memory"
    folder.mkdir()
    monkeypatch.setattr(runs, "SHARED_MEMORY", folder)
    monkeypatch.setattr(runs, "MIN_FREE_BYTES", 0)
    return folder


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def begin(data: DataDir) -> DataDir:
    """Leave what a run has there after its servers' start."""
    data.prepare()
    data.lock.touch()
    data.servers.mkdir()
    (data.servers / "postgres").touch()
    return data


def test_the_servers_of_tests_lie_in_memory(memory, parent):
    data = runs.make_temporary(parent, in_memory=True)

    assert data.path.parent == parent
    assert data.servers.parent == memory


def test_the_servers_lie_on_the_disk_if_memory_has_no_room(memory, parent, monkeypatch):
    monkeypatch.setattr(runs, "MIN_FREE_BYTES", 2**63)

    data = runs.make_temporary(parent, in_memory=True)

    assert data.servers == DataDir(data.path).servers


def test_the_servers_lie_on_the_disk_where_the_system_has_no_such_folder(memory, parent):
    memory.rmdir()

    data = runs.make_temporary(parent, in_memory=True)

    assert data.servers == DataDir(data.path).servers


def test_the_servers_of_a_benchmark_lie_on_the_disk(memory, parent):
    data = runs.make_temporary(parent, in_memory=False)

    assert data.servers == DataDir(data.path).servers


def test_the_next_run_removes_what_a_killed_run_left_in_memory_and_nothing_of_a_living_one(memory, parent):
    begin(runs.make_temporary(parent, in_memory=True))
    living = begin(runs.make_temporary(parent, in_memory=True))
    lock = living.claim()
    assert lock

    with lock:
        runs.remove_abandoned(parent)

    assert list(parent.iterdir()) == [living.path]
    assert list(memory.iterdir()) == [living.servers]
