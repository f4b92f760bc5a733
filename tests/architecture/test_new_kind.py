"""A new kind of record needs one file and a generated migration: a copy of the product is given one."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.servers import ROOT

NEEDED = (
    "backend",
    "tracker",
    "tests/__init__.py",
    "tests/factories.py",
    "tests/phone.py",
    "tests/openapi.py",
    "docs/openapi.yaml",
    "manage.py",
)
THROW_AWAY = Path(__file__).with_name("breathing.py.txt")
PROGRAM = Path(__file__).with_name("use_new_kind.py")
# One process for the three commands: most of what each of them takes is its start.
MIGRATE = """
import django
django.setup()
from backend.command_line import execute
for command in (["makemigrations", "records"], ["migrate"], ["grant_app_role"]):
    execute(["manage.py", *command])
"""


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """A copy of the product with one more file."""
    copy = tmp_path / "product"
    for name in NEEDED:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy / name)
    shutil.copy(THROW_AWAY, copy / "tracker" / "records" / "kinds" / "breathing.py")
    return copy


def run(product: Path, *arguments: str, environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=product,
        env=os.environ | {"PYTHONPATH": str(product)} | dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def test_a_new_kind_of_record_is_one_file_and_a_generated_migration(
    product: Path, fresh_database: Callable[[], dict[str, str]]
):
    addresses = fresh_database()

    made = run(product, "-c", MIGRATE, environment=addresses)
    seen = json.loads(run(product, str(PROGRAM), environment=addresses))

    assert made.count("records/migrations/") == 1
    assert seen == {
        "pushed": [["stored", None], ["rejected", "/data/cycles"], ["stored", None]],
        "pulled": [{"cycles": 15, "calm": 7}],
        "listed": ["mood"],
        "versions": 2,
        "observed": 7,
        "summary": "1 breathing exercise",
        "entries": [["Breathing", "15 cycles, calm 7 of 10"]],
        "rows_with_consent": [1, 0, 1, 0],
        "rows_without_consent": [1, 0, 0, 0],
        "differences": [],
    }
