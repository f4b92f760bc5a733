"""Spectral and Redocly find nothing in the OpenAPI documents, by their default rules."""

import json
from pathlib import Path

import pytest

from tests.contract import generators
from tests.contract.generators import ACCOUNTS, API, HERE

pytestmark = pytest.mark.contract


def spectral(document: Path) -> tuple[int, str]:
    program = generators.npm_program("spectral")
    done = generators.run(
        [program, "lint", "--fail-severity", "hint", "--ruleset", HERE / "spectral.yaml", document]
    )
    return done.returncode, done.stdout + done.stderr


def redocly(document: Path) -> tuple[int, str]:
    program = generators.npm_program("redocly")
    done = generators.run([program, "lint", "--config", HERE / "redocly.yaml", "--format", "json", document])
    totals = json.loads(done.stdout)["totals"]
    return totals["errors"] + totals["warnings"], done.stdout + done.stderr


@pytest.mark.parametrize("lint", [spectral, redocly])
@pytest.mark.parametrize("document", [API, ACCOUNTS], ids=lambda path: path.stem)
def test_a_linter_finds_no_error_and_no_warning_in_an_openapi_document(lint, document):
    code, said = lint(document)

    assert code == 0, said


@pytest.mark.parametrize("lint", [spectral, redocly])
def test_a_linter_finds_a_warning_that_was_put_into_an_openapi_document(lint, tmp_path):
    # Both ask for an id of every operation.
    faulty = tmp_path / "openapi.yaml"
    faulty.write_text(API.read_text().replace("      operationId: measures_list\n", "", 1))

    assert lint(faulty)[0] != 0
