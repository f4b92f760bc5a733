"""
The checks of ``./dev check``. From an editor: ``.venv/bin/python -m tests.checks format lint`` needs no server.

A warning says plainly what could not be checked; it fails nothing.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from launcher.output import ROOT
from launcher.venv import DEMO, DEVELOPMENT, VENV, is_offline

LOCKS = ("requirements.txt", DEMO, DEVELOPMENT, "tests/contract/requirements.txt")


class CheckResult(NamedTuple):
    """``state`` is ok, warn or FAIL."""

    state: str
    note: str = ""


def run_tool(*command: str | Path) -> CheckResult:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return CheckResult("ok") if done.returncode == 0 else CheckResult("FAIL", done.stdout + done.stderr)


def tool(*arguments: str, remedy: str = "") -> Callable[[], CheckResult]:
    """Return a check that runs a program of .venv; ``remedy`` is a command that mends what it finds."""

    def check() -> CheckResult:
        result = run_tool(sys.executable, *arguments)
        if result.state == "FAIL" and remedy:
            return CheckResult("FAIL", f"{result.note}\nTo mend it: {remedy}")
        return result

    return check


def check_sql() -> CheckResult:
    """Lint the SQL of the migrations (.squawk.toml)."""
    import django
    from django.core.management import call_command

    django.setup()
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(ROOT.glob("tracker/*/migrations/0*.py")):
            app = path.parts[-3]
            with open(f"{folder}/{app}.{path.stem}.sql", "w") as file:
                call_command("sqlmigrate", app, path.stem, stdout=file, no_color=True)
        files = sorted(Path(folder).iterdir())
        result = run_tool(VENV / "bin" / "squawk", "--config", ".squawk.toml", *files)
    return result if result.state != "ok" else CheckResult("ok", f"{len(files)} migrations")


def check_locks() -> CheckResult:
    """Resolve the .in files again, keeping every pin that still fits: nothing may change."""
    how = ["--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"]
    for name in LOCKS:
        source = name.replace(".txt", ".in")
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(shutil.copy(ROOT / name, folder))
            result = run_tool(VENV / "bin" / "uv", "pip", "compile", *how, source, "-o", copy)
            if result.state != "ok":
                return (
                    CheckResult("warn", "not checked: no package registry")
                    if is_offline(result.note)
                    else result
                )
            if pins(copy) != pins(ROOT / name):
                return CheckResult(
                    "FAIL", f"{name} does not fit {source}; its first lines say how to make it"
                )
    return CheckResult("ok")


def pins(lock: Path) -> set[str]:
    return {line.rstrip(" \\") for line in lock.read_text().splitlines() if re.match(r"[a-z0-9]", line)}


def check_vulnerabilities() -> CheckResult:
    """Ask for known vulnerabilities, and count what was asked: the tool is content with nothing at all."""
    how = ["--require-hashes", "--disable-pip", "--progress-spinner", "off", "-f", "json"]
    command = [sys.executable, "-m", "pip_audit", "-r", "requirements.txt", *how]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        return CheckResult("warn", "not audited: the vulnerability service cannot be reached")
    if bad := [package for package in packages if package.get("vulns")]:
        lines = [f"{package['name']} {package['version']}: {package['vulns'][0]['id']}" for package in bad]
        return CheckResult("FAIL", "\n".join(lines))
    audited = sum("skip_reason" not in package for package in packages)
    if not audited:
        return CheckResult(
            "warn", f"not audited: the service answered for none of the {len(packages)} packages"
        )
    return CheckResult("ok", f"audited {audited} of {len(packages)} packages")


RUFF = ("-m", "ruff")
CONCISE = ("--output-format", "concise", ".")
CHECKS: dict[str, Callable[[], CheckResult]] = {
    "format": tool(*RUFF, "format", "--check", *CONCISE, remedy=".venv/bin/ruff format ."),
    "lint": tool(*RUFF, "check", *CONCISE, remedy=".venv/bin/ruff check --fix ."),
    "types": tool("-m", "mypy"),
    # Not `python -m`: import-linter has no module to run.
    "layers": tool("-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-logo"),
    "django": tool("manage.py", "check", "--fail-level", "WARNING"),
    "migrations": tool(
        "manage.py", "makemigrations", "--check", "--dry-run", remedy="./dev manage makemigrations"
    ),
    "sql": check_sql,
    "schema": tool("manage.py", "spectacular", "--validate", "--fail-on-warn", "--file", os.devnull),
    "locks": check_locks,
    "audit": check_vulnerabilities,
}


def main(names: list[str]) -> int:
    """Run the named checks, or all; return 1 if one fails."""
    if unknown := set(names) - set(CHECKS):
        sys.exit(
            f"dev: There is no check named {', '.join(sorted(unknown))}; there are: {', '.join(CHECKS)}."
        )
    failed = [name for name in names or CHECKS if not passes(name)]
    print(f"failed: {', '.join(failed)}" if failed else "all is well")
    return 1 if failed else 0


def passes(name: str) -> bool:
    began = time.monotonic()
    result = CHECKS[name]()
    fails = result.state == "FAIL"
    brief = "" if fails else result.note
    print(f"{result.state:<5} {name:<11} {time.monotonic() - began:5.1f} s  {brief}".rstrip(), flush=True)
    if fails:
        print("\n".join("      " + line for line in result.note.strip().splitlines()[-60:]), flush=True)
    return not fails


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
