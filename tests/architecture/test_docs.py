"""The documents name only files, benchmarks and commands that exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY")]
    + [*(ROOT / "docs").rglob("*.md")]
)
FOLDERS = ("backend", "benchmarks", "docker", "docs", "examples", "tests", "tracker")
APPS = sorted(path.parent.name for path in (ROOT / "tracker").glob("*/__init__.py"))
# A path from the root, with or without backticks; or one from `tracker/` in backticks.
_FROM_ROOT = re.compile(rf"(?<![\w./-])(?:{'|'.join(FOLDERS)})/[\w./<>*-]*\w[/]?")
_FROM_TRACKER = re.compile(rf"`((?:{'|'.join(APPS)})/[\w./-]*(?:\.\w+|/))`")
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")
_BENCH = re.compile(r"\./dev bench ([a-z_]+)")
_COMMAND = re.compile(r"(?:\./dev manage|manage\.py) ([a-z_]+)")


def exists(folder: Path, path: str) -> bool:
    """Whether a file is there; ``<name>`` in a path stands for any name."""
    pattern = re.sub(r"<\w+>", "*", path).rstrip("/")
    return any(folder.glob(pattern)) if "*" in pattern else (folder / pattern).exists()


def missing_names(text: str, folder: Path) -> Iterator[str]:
    """Paths, benchmarks and commands of a document in ``folder`` that do not exist."""
    prose = _LINK.sub("", text)  # a link is relative to its page, every other path to the root
    yield from (path for path in _FROM_ROOT.findall(prose) if not exists(ROOT, path))
    yield from (path for path in _FROM_TRACKER.findall(text) if not exists(ROOT / "tracker", path))
    yield from (path for path in _LINK.findall(text) if not (folder / path).exists())
    benchmarks = {path.stem.removeprefix("bench_") for path in (ROOT / "benchmarks").glob("bench_*.py")}
    yield from (f"bench {name}" for name in _BENCH.findall(text) if name not in benchmarks)
    commands = get_commands()
    yield from (f"manage.py {name}" for name in _COMMAND.findall(text) if name not in commands)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_document_names_only_paths_benchmarks_and_commands_that_exist(page):
    assert [*missing_names(page.read_text(), page.parent)] == []


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("see `api/accounts.py`", ["api/accounts.py"]),
        ("see `api/views/accounts.py` and `records/kinds/`", []),
        ("(tests/sync/test_nothing.py)", ["tests/sync/test_nothing.py"]),
        ("a file `tracker/records/kinds/<name>.py`", []),
        ("a file `tracker/records/sorts/<name>.py`", ["tracker/records/sorts/<name>.py"]),
        ("[the page](sync.md), [another](nothing.md#part)", ["nothing.md"]),
        ("`./dev bench audit`, `./dev bench nothing`", ["bench nothing"]),
        ("`manage.py keys rotate`, `./dev manage rescore`, `manage.py grant`", ["manage.py grant"]),
    ],
)
def test_a_path_benchmark_or_command_that_does_not_exist_is_found(text, missing):
    assert [*missing_names(text, ROOT / "docs")] == missing
