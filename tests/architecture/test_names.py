"""Strings point down the layers too: no app names a table or a URL of a higher one, which escapes the import linter."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.urls import URLPattern, URLResolver, get_resolver

from tests.architecture.test_layers import ROOT, layers

LEVEL = layers()
_REVERSES = {"reverse", "reverse_lazy", "redirect", "resolve_url"}


def sources() -> Iterator[tuple[str, Path]]:
    """Yield each module and SQL file of each app with its app; what a migration says is past."""
    for path in sorted((ROOT / "tracker").rglob("*")):
        if path.suffix in {".py", ".sql"} and "migrations" not in path.parts:
            yield path.relative_to(ROOT / "tracker").parts[0], path


def strings(path: Path) -> Iterator[str]:
    """Yield the strings of a module, docstrings left aside, or the text of an SQL file without its comments."""
    text = path.read_text()
    if path.suffix == ".sql":
        yield re.sub(r"--[^\n]*", "", text)
        return
    tree = ast.parse(text)
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body
        if isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def tables_above(app: str) -> set[str]:
    return {
        model._meta.db_table
        for model in apps.get_models()
        if LEVEL.get(model._meta.app_label, LEVEL["lib"]) > LEVEL[app]
    }


def url_names(patterns: list[URLPattern | URLResolver]) -> Iterator[tuple[str, str]]:
    """Yield the name of each URL, and the app in which it is declared."""
    for each in patterns:
        if isinstance(each, URLResolver):
            module = getattr(each.urlconf_name, "__name__", "")
            own = list(each.url_patterns)
            parts = module.split(".")
            for name, app in url_names(own):
                yield name, app or (parts[1] if parts[0] == "tracker" and len(parts) > 1 else "")
        elif each.name:
            yield each.name, ""


def reversed_names(path: Path) -> Iterator[str]:
    """Yield the URL names that a module reverses or compares with the name of the request's route."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if called in _REVERSES:
                yield str(node.args[0].value).rpartition(":")[2]
        elif isinstance(node, ast.Compare) and "url_name" in ast.dump(node.left):
            yield from (str(each.value) for each in node.comparators if isinstance(each, ast.Constant))


def test_no_app_names_a_table_of_a_higher_app():
    wrong = [
        f"{path.relative_to(ROOT)}: {table}"
        for app, path in sources()
        for text in strings(path)
        for table in sorted(tables_above(app))
        if re.search(rf"\b{table}\b", text)
    ]

    assert wrong == []


def test_no_app_names_a_url_of_a_higher_app():
    declared = dict(url_names(get_resolver().url_patterns))
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for app, path in sources()
        if path.suffix == ".py"
        for name in reversed_names(path)
        if declared.get(name) and LEVEL[declared[name]] > LEVEL[app]
    ]

    assert len(set(declared.values())) >= 2
    assert wrong == []


def test_a_string_that_points_upwards_is_found(tmp_path):
    module = tmp_path / "below.py"
    module.write_text(
        '"""Of records_painentry."""\nSQL = "DELETE FROM records_painentry"\nreverse("dashboard:home")\n'
    )

    assert list(strings(module)) == ["DELETE FROM records_painentry", "dashboard:home"]
    assert list(reversed_names(module)) == ["home"]
    assert "records_painentry" in tables_above("lib") & tables_above("clinics")
    assert "records_painentry" not in tables_above("records")
