"""The watch: safe beside itself, patient with a database that is away, and seen when it stands still."""

import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from tests import servers
from tests.alerts.test_alerts import raised
from tracker.alerts import heartbeat


def check(path: Path) -> None:
    call_command("watch", check=True, heartbeat=path)


def test_the_heartbeat_of_a_running_watch_is_well_and_that_of_a_killed_one_is_not(
    live, tmp_path, monkeypatch
):
    path = tmp_path / "watch.heartbeat"
    watch = ("manage.py", "watch", "--every", "0.2", "--heartbeat", str(path))

    with servers.running(*watch, environment=live.environment) as process:
        servers.wait_until(path.exists, what="a round")
        check(path)
        process.kill()
        process.wait(10)

    monkeypatch.setattr(heartbeat, "OLDEST_S", 0.1)
    servers.wait_until(lambda: heartbeat.problem(path), what="an old heartbeat")
    with pytest.raises(CommandError, match="ended its last round"):
        check(path)


@pytest.mark.parametrize(("age", "well"), [(0.0, True), (59.875, True), (60.0, False), (3600.0, False)])
def test_a_heartbeat_is_too_old_from_sixty_seconds_on(tmp_path, monkeypatch, age, well):
    path = tmp_path / "heartbeat"
    path.write_text("1000.000")
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0 + age)

    problem = heartbeat.problem(path)
    monkeypatch.undo()

    assert (problem is None) is well


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "not ended a round yet"),
        ("", "cannot be read"),
        ("nonsense", "cannot be read"),
        ("1e12", "since this machine was started"),
    ],
)
def test_a_bad_heartbeat_is_reported_in_one_sentence(tmp_path, content, sentence):
    path = tmp_path / "heartbeat"
    if content is not None:
        path.write_text(content)

    with pytest.raises(CommandError, match=sentence) as caught:
        check(path)

    assert "\n" not in str(caught.value)


def test_a_heartbeat_check_needs_the_path_of_its_file():
    with pytest.raises(CommandError, match="--heartbeat"):
        call_command("watch", check=True)


def test_the_folder_of_a_heartbeat_is_made_and_its_file_is_good_at_once(tmp_path, monkeypatch):
    path = tmp_path / "var" / "watch.heartbeat"
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0006)

    heartbeat.write(path)
    problem = heartbeat.problem(path)
    monkeypatch.undo()

    assert problem is None


def test_a_watch_whose_heartbeat_cannot_be_written_goes_on(live, tmp_path):
    """As on a full disk: it ended with a traceback, and with it the delivery of alerts that needs no worker."""
    log, path = tmp_path / "log", tmp_path / "watch.heartbeat"
    path.with_name("watch.heartbeat.part").mkdir()
    watch = ("manage.py", "watch", "--every", "0.2", "--heartbeat", str(path))

    with servers.running(*watch, environment=live.environment | {"TEST_LOG": str(log)}) as process:
        servers.wait_until(
            lambda: log.exists() and log.read_text().count("heartbeat not written") >= 2, what="two rounds"
        )
        assert process.poll() is None

    assert "not ended a round yet" in str(heartbeat.problem(path))


def test_a_heartbeat_counts_rounds_that_worked_and_none_without_a_database(live, tmp_path):
    with transaction.atomic():
        raised(live.world, at=timezone.now())
    away = {"DATABASE_URL": f"postgresql://nobody:x@127.0.0.1:{servers.free_port()}/none"}
    lost, done, none = (tmp_path / name for name in ("lost", "done", "none"))

    def watch(*options: object, **more: str):
        command = ("manage.py", "watch", *map(str, options))
        return servers.running(*command, environment=live.environment | more)

    with (
        watch("--once", "--heartbeat", lost, **away) as first,
        watch("--once", "--heartbeat", done) as second,
        watch("--check", "--heartbeat", none) as third,
    ):
        assert [process.wait(30) for process in (first, second, third)] == [0, 0, 1]

    assert not lost.exists()
    assert heartbeat.problem(done) is None
    assert sum(path.read_text().count("Subject:") for path in live.mail.iterdir()) == 2
