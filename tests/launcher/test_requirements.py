"""The locks: hashed, free of addresses, and every wish in them has a reason."""

import re

import pytest

from tests.launcher.conftest import ROOT

LOCKS = ("requirements.txt", "requirements-demo.txt", "requirements-dev.txt")


def entries(name: str) -> list[str]:
    text = (ROOT / name).read_text()
    return [entry for entry in re.split(r"\n(?=\S)", text) if re.match(r"[a-z0-9]", entry)]


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_one_version_and_hashes(name: str):
    for entry in entries(name):
        assert re.match(r"[a-z0-9.-]+==[^ ]+", entry)
        assert "--hash=sha256:" in entry


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_its_command_and_no_address(name: str):
    text = (ROOT / name).read_text()

    assert "uv pip compile" in text.split("\n", 3)[1]
    assert not re.search(r"https?://|file:|--index-url|--find-links", text)


def test_each_lock_holds_the_one_before_at_the_same_versions():
    product, demo, development = ({entry.split()[0] for entry in entries(name)} for name in LOCKS)

    assert product < demo < development


def test_the_demo_needs_no_linter_and_no_browser():
    names = {entry.split("==")[0] for entry in entries("requirements-demo.txt")}

    assert not names & {"pytest", "mypy", "ruff", "playwright", "schemathesis"}


@pytest.mark.parametrize("name", [name.replace(".txt", ".in") for name in LOCKS])
def test_every_wish_has_a_reason(name: str):
    for line in (ROOT / name).read_text().splitlines():
        assert not line or line.startswith(("#", "-r ")) or re.search(r"\S +# \w+", line), line
