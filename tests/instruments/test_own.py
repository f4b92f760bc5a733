"""A clinic's own questionnaire, from the file to the published row, as a person does it: by real commands."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psycopg
import pytest

from tests.servers import ROOT


def example() -> str:
    """The whole example that the documentation shows."""
    (text,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "instruments.md").read_text(), re.DOTALL)
    return str(text)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with the documentation's example."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "calm-check.1.yaml").write_text(example(), encoding="utf-8")
    return folder


def manage(
    *command: str, environment: Mapping[str, str], given: str = ""
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=os.environ | dict(environment),
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_example_of_the_documentation_is_checked_published_and_scored(own, fresh_database):
    addresses = fresh_database()
    owner = addresses | {"OWN_CATALOGUE": str(own)}

    checked = manage("check_questionnaire", str(own / "calm-check.1.yaml"), environment=addresses)
    loaded = manage("load_catalogue", environment=owner)
    again = manage("load_catalogue", environment=owner)
    scored = manage(
        "score", "calm-check", "-", environment=owner, given='{"answers": {"tense": 2, "calm": 0, "harm": 1}}'
    )

    assert (checked.returncode, checked.stdout.endswith("calm-check@1 is good: 3 items.\n")) == (0, True)
    assert loaded.stdout.startswith("published calm-check@1\n1 published now, ")
    assert again.stdout.startswith("0 published now, ")
    assert '"score":4,"band":"tense"' in scored.stdout.replace(" ", "")
    assert '"calm_check_harm"' in scored.stdout
    with psycopg.connect(addresses["DATABASE_OWNER_URL"]) as connection:
        row = connection.execute(
            "SELECT title, wording_ships FROM instruments_version WHERE instrument_id = 'calm-check'"
        ).fetchone()
    assert row == ("Calm check", True)


def test_a_mistake_stops_both_the_check_and_the_load(own, fresh_database):
    path = own / "calm-check.1.yaml"
    path.write_text(example().replace("rule: sum", "rule: total"), encoding="utf-8")
    addresses = fresh_database()
    owner = addresses | {"OWN_CATALOGUE": str(own)}

    checked = manage("check_questionnaire", str(path), environment=addresses)
    loaded = manage("load_catalogue", environment=owner)

    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "rule: total" in text)
    told = f"line {line}: scoring.scores[1].rule: must be one of"
    assert (checked.returncode, told in checked.stdout) == (1, True)
    assert (
        loaded.returncode,
        f"CommandError: Nothing was loaded; calm-check.1.yaml: {told}" in loaded.stderr,
    ) == (1, True)
    with psycopg.connect(addresses["DATABASE_OWNER_URL"]) as connection:
        assert (
            connection.execute(
                "SELECT 1 FROM instruments_version WHERE instrument_id = 'calm-check'"
            ).fetchone()
            is None
        )


def test_a_folder_that_is_not_there_stops_the_start_in_words(tmp_path):
    ran = manage("check", environment={"OWN_CATALOGUE": str(tmp_path / "nowhere")})

    assert ran.returncode == 1
    assert "OWN_CATALOGUE must name a folder with questionnaires." in ran.stderr


def test_all_versions_of_a_questionnaire_have_one_category(own, fresh_database):
    later = example().replace('version: "1"', 'version: "2"', 1).replace("category: mood", "category: pain")
    (own / "calm-check.2.yaml").write_text(later, encoding="utf-8")
    owner = fresh_database() | {"OWN_CATALOGUE": str(own)}

    loaded = manage("load_catalogue", environment=owner)

    assert loaded.returncode != 0
    assert "calm-check.2.yaml says another category than the other versions of calm-check" in loaded.stderr
