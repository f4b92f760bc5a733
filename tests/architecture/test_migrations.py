"""Migrations import no live code: a later change of a helper must not change what an old migration does."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MIGRATIONS = sorted(ROOT.glob("tracker/*/migrations/0*.py"))
# What makemigrations writes of our own: constraint classes whose conditions are SQL text, and the class of a column.
ALLOWED = {"tracker.lib.table_constraints", "tracker.accounts.fields"}


def imported(source: str) -> set[str]:
    """Return the modules of the product that a migration imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or "."}
    return {name for name in names if name.partition(".")[0] in {"tracker", "backend", ""}}


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: f"{path.parts[-3]}.{path.stem}")
def test_a_migration_imports_no_live_code(path):
    assert imported(path.read_text()) <= ALLOWED


def test_every_app_with_migrations_was_looked_at():
    assert {path.parts[-3] for path in MIGRATIONS} >= {
        "accounts",
        "clinics",
        "keys",
        "access",
        "audit",
        "records",
    }


@pytest.mark.parametrize(
    "source",
    [
        "from tracker.lib import rls",
        "import tracker.lib.rls",
        "from tracker.keys.models import DataKey",
        "from . import x",
    ],
)
def test_an_import_of_live_code_is_found(source):
    assert not imported(source) <= ALLOWED
