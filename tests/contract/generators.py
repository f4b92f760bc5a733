"""
Linters of the OpenAPI documents and generators of clients, each of a pinned version, kept in ``var/contract/``.

npm's are in ``package.json`` with its lock, Python's in ``requirements.txt``; none of them is a part of the product.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest

from launcher.venv import VENV
from tests.servers import ROOT

HERE = Path(__file__).parent
KEPT = ROOT / "var" / "contract"
API = ROOT / "docs" / "openapi.yaml"
ACCOUNTS = ROOT / "docs" / "openapi-accounts.yaml"
# What @hey-api/openapi-ts and @redocly/cli ask for.
OLDEST_NODE = (20, 19)
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1", "CI": "true"}


def run(
    command: Sequence[str | Path], *, cwd: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, and return what it said."""
    return subprocess.run(
        [str(each) for each in command], cwd=cwd, env=os.environ | QUIET | environment,
        capture_output=True, text=True, timeout=300, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def run_well(command: Sequence[str | Path], *, cwd: Path = ROOT, **environment: str) -> str:
    """Run a program; fail the test with what it said unless it ends well."""
    done = run(command, cwd=cwd, **environment)
    if done.returncode:
        pytest.fail(
            f"{' '.join(map(str, command))}\n{done.stdout[-8000:]}\n{done.stderr[-8000:]}", pytrace=False
        )
    return done.stdout + done.stderr


def require(program: str, package: str) -> str:
    """Return where a program is; fail the test with the name of its package if it is nowhere."""
    place = shutil.which(program)
    if place is None:
        pytest.fail(f"The tests of generated clients need {program}: install {package}.", pytrace=False)
    return place


def _made_once(names: Sequence[str], make: Callable[[Path], None]) -> Path:
    """Return a folder that ``make`` has filled from these files; a change of one of them makes another."""
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in names)).hexdigest()[:16]
    folder = KEPT / f"{Path(names[0]).stem}-{digest}"
    if not folder.exists():
        begun = folder.with_name(f"{folder.name}.begun-{os.getpid()}")
        begun.mkdir(parents=True)
        for name in names:
            shutil.copy(HERE / name, begun)
        make(begun)
        begun.rename(folder)
    return folder


def _install_npm(folder: Path) -> None:
    run_well(
        [require("npm", "nodejs and npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder
    )


def _install_python(folder: Path) -> None:
    uv = VENV / "bin" / "uv"
    # No environment that is moved: programs would name the folder that they were made in.
    run_well(
        [uv, "pip", "install", "--require-hashes", "--target", "packages", "-r", "requirements.txt"],
        cwd=folder,
    )


@cache
def npm_program(name: str) -> Path:
    """Return one of npm's programs."""
    version = run_well([require("node", "nodejs"), "--version"]).strip().removeprefix("v").split(".")
    if (int(version[0]), int(version[1])) < OLDEST_NODE:
        pytest.fail(
            f"The tests of generated clients need Node {'.'.join(map(str, OLDEST_NODE))} or newer;"
            f" this is {'.'.join(version)}.",
            pytrace=False,
        )
    return npm_folder() / "node_modules" / ".bin" / name


@cache
def npm_folder() -> Path:
    return _made_once(("package.json", "package-lock.json", ".npmrc"), _install_npm)


@cache
def python_packages() -> Path:
    return _made_once(("requirements.txt",), _install_python) / "packages"


def openapi_generator(document: Path, generator: str, into: Path, **more: str) -> Path:
    """Generate the models of a client by openapi-generator, and return the folder."""
    jar = python_packages() / "openapi_generator_cli" / "openapi-generator.jar"
    properties = ",".join(f"{name}={value}" for name, value in more.items())
    run_well(
        [
            require("java", "default-jre-headless"), "-jar", jar, "generate", "-i", document, "-g", generator,
            "-o", into,
            "--global-property", "models,modelDocs=false,modelTests=false", "--additional-properties", properties,
        ]
    )  # fmt: skip
    return into
