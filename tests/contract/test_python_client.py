"""A generated Python client signs in, pairs, pushes each kind, pulls, and reads each as its own class."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests import factories, servers
from tests.contract import generators
from tests.contract.generators import ACCOUNTS, API, HERE
from tracker.access import consent_texts
from tracker.records.kinds import KINDS

pytestmark = pytest.mark.contract


def generate(document: Path, name: str, folder: Path) -> None:
    """Generate a client as the package ``name``; a part that the generator left out fails."""
    packages = generators.python_packages()
    settings = folder / f"{name}.yaml"
    settings.write_text(yaml.dump({"package_name_override": name, "post_hooks": []}))
    said = generators.run_well(
        [
            sys.executable, "-m", "openapi_python_client", "generate", "--path", document, "--config", settings,
            "--output-path", folder / name, "--meta", "none", "--fail-on-warning",
        ],
        PYTHONPATH=str(packages),
    )  # fmt: skip
    assert "warning" not in said.lower(), said


def test_a_generated_python_client_pushes_and_reads_each_kind_as_its_own_class(live, tmp_path):
    generate(API, "interlude", tmp_path)
    generate(ACCOUNTS, "accounts", tmp_path)
    records = [factories.record(kind.name, dict(kind.example)) for kind in KINDS.values()]

    with servers.web(live.environment) as url:
        asked = {
            "url": url, "email": live.world.ada.user.email, "password": factories.PASSWORD, "records": records,
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-W", "error", HERE / "use_python_client.py"], input=json.dumps(asked), text=True,
            env=os.environ | {"PYTHONPATH": f"{tmp_path}:{generators.python_packages()}"}, capture_output=True,
            timeout=120, check=False,
        )  # fmt: skip

    assert done.returncode == 0, done.stderr[-6000:]
    told = json.loads(done.stdout)
    class_names = {kind: kind.title().replace("_", "") for kind in KINDS}
    assert told["role"] == "patient"
    assert told["methods"] == ["password"]
    assert told["sent"] == {kind: f"{name}Record" for kind, name in class_names.items()}
    assert told["statuses"] == ["stored"]
    assert told["read"] == {kind: f"Held{name}Record" for kind, name in class_names.items()}
    assert told["data"] == {kind: f"{name}Data" for kind, name in class_names.items()}
    assert told["ids"] == sorted(record["id"] for record in records)
    assert told["conflict"] == "RecordConflict"
    assert len(told["items"]) >= 9
    assert told["consent"] == consent_texts.TEXTS[max(consent_texts.TEXTS)]["title"]
