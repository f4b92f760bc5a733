"""Error codes: what the product raises, what the table lists and what docs/errors.md says are the same."""

import ast
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracker.api.exceptions import APIProblem
from tracker.lib import validation_errors
from tracker.lib.error_codes import CODES

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "tracker" / "lib" / "error_codes.py"
# Which argument of what gives an error is the code.
CODE_ARGUMENT = {
    "APIProblem": 0, "field_problem": 0, "parameter_problem": 0, "problem_response": 0, "BadJSON": 0,
    "PydanticCustomError": 0, "problem": 0, "Problem": 1, "VersionDecision": 1, "_RefusedError": 0, "result": 1,
    "field_error": 1,
}  # fmt: skip
# An unanswered item makes a questionnaire incomplete; it refuses nothing.
NOT_ON_THE_WIRE = {"missing"}
IS_CODE = re.compile(r"[a-z][a-z0-9_]+").fullmatch


def sources() -> list[Path]:
    return [
        path for folder in ("tracker", "backend") for path in (ROOT / folder).rglob("*.py") if path != TABLE
    ]


def literals(node: ast.AST) -> set[str]:
    return {
        each.value
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    }


def raised(tree: ast.AST) -> Iterator[str]:
    """Each literal code that a module gives to an error, assigns to a ``code`` or names in a dict."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            place = CODE_ARGUMENT.get(name)
            if place is not None and len(node.args) > place:
                yield from literals(node.args[place])
            given = [word.value for word in node.keywords if word.arg == "code"]
            yield from (
                code for value in given if isinstance(value, ast.Constant) for code in literals(value)
            )
        if isinstance(node, ast.Assign):
            yield from assigned(node.targets[0], node.value)
        # A region of the body has a code too, beside its side.
        if isinstance(node, ast.Dict) and "side" not in {getattr(key, "value", "") for key in node.keys}:
            pairs = zip(node.keys, node.values, strict=True)
            yield from (
                code
                for key, value in pairs
                if isinstance(key, ast.Constant) and key.value == "code" and isinstance(value, ast.Constant)
                for code in literals(value)
            )


def assigned(target: ast.expr, value: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for part, given in zip(target.elts, value.elts, strict=True):
            yield from assigned(part, given)
    elif isinstance(target, ast.Attribute) and target.attr == "code" and isinstance(value, ast.Constant):
        yield from literals(value)


def test_every_error_code_that_the_product_raises_is_in_the_table():
    codes = {code for path in sources() for code in raised(ast.parse(path.read_text()))}
    on_the_wire = {validation_errors._code(code) for code in codes if IS_CODE(code)} - NOT_ON_THE_WIRE

    assert len(on_the_wire) > 40
    assert on_the_wire - set(CODES) == set()


def test_every_call_that_is_looked_at_for_an_error_code_is_made_somewhere():
    calls = (node for path in sources() for node in ast.walk(ast.parse(path.read_text())))
    names = {
        getattr(node.func, "id", getattr(node.func, "attr", ""))
        for node in calls
        if isinstance(node, ast.Call)
    }

    assert set(CODE_ARGUMENT) - names == set()
    in_sync = {
        code
        for path in (ROOT / "tracker" / "sync").glob("*.py")
        for code in raised(ast.parse(path.read_text()))
    }
    assert {
        "missing_base_revision",
        "kind_mismatch",
        "newer_version_held",
        "not_found",
        "storage_full",
    } <= in_sync


def test_every_error_code_of_the_table_is_raised_somewhere():
    words = {word for path in sources() for word in literals(ast.parse(path.read_text()))}

    assert set(CODES) - words == set()


def test_every_code_of_a_validator_error_is_in_the_table():
    assert set(validation_errors._CODES.values()) | {"wrong_type", "bad_format"} <= set(CODES)


def test_an_api_problem_refuses_a_code_that_is_not_in_the_table():
    with pytest.raises(KeyError):
        APIProblem("not_a_code")


@pytest.mark.parametrize("code", CODES.values(), ids=lambda each: each.code)
def test_an_error_code_has_a_lower_case_name_a_status_and_two_sentences(code):
    assert re.fullmatch(r"[a-z][a-z0-9_]+", code.code)
    assert 400 <= code.status < 600 or code.code == "merged"
    assert code.detail.endswith(".")
    assert code.client.endswith(".")


def test_the_page_of_errors_lists_every_code_of_the_table_and_no_other():
    page = (ROOT / "docs" / "errors.md").read_text()

    assert re.findall(r"^\| `([a-z0-9_]+)` \|", page, re.MULTILINE) == list(CODES)
    assert page == runpy.run_path(str(ROOT / "docs" / "write_errors.py"))["page"]()
