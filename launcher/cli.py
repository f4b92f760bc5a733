"""
The command line: ``./dev COMMAND``. What goes wrong for a person is one sentence and exit code 1.
"""

import argparse
import importlib
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

from launcher.output import ROOT, Interrupted, UserError, interrupt_on_signals, log
from launcher.venv import DEMO, DEVELOPMENT, PYTHON, VENV, ensure_venv


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError("a port is a whole number from 1 to 65535")
    return int(text)


def _folder(text: str) -> Path:
    return Path(text).resolve()


class Command(NamedTuple):
    """``function``: where it is. ``lock``: the packages that it needs. Without ``options`` all goes to a program."""

    function: str
    lock: str | None
    help: str
    options: dict[str, dict[str, Any]] | None = None


_FLAG: dict[str, Any] = {"action": "store_true"}
_DATA: dict[str, dict[str, Any]] = {
    "--data": {"type": _folder, "metavar": "DIR", "default": ROOT / "var", "help": "instead of var/"}
}
_UP: dict[str, dict[str, Any]] = {
    "--detach": {**_FLAG, "help": "return when it is ready, and leave it running"},
    "--port": {"type": _port, "help": "the web server's port (8000, or the next free one)"},
    "--fresh": {**_FLAG, "help": "stop, erase this folder's data, and start anew"},
    "--no-demo": {**_FLAG, "help": "without the demo clinic"},
    "--json": {**_FLAG, "help": "print the facts as one JSON object on stdout"},
}
_LOGS: dict[str, dict[str, Any]] = {
    "name": {"nargs": "?", "help": "web, worker, beat, watch, postgres, valkey, demo, dev"},
    "--follow": {**_FLAG, "help": "go on showing what is added"},
}
_CODE: dict[str, dict[str, Any]] = {
    "who": {"nargs": "?", "default": "", "help": "only of addresses that hold this, e.g. ben"}
}
COMMANDS = {
    "up": Command(
        "up.up", DEMO, "start everything with a demo clinic; print the address and the sign-ins", _DATA | _UP
    ),
    "status": Command(
        "status.status", DEMO, "each process, its memory, the oldest due work, the demo's loading", _DATA
    ),
    "logs": Command(
        "stop.logs", None, "the end of the logs, or of one: `./dev logs web --follow`", _DATA | _LOGS
    ),
    "code": Command(
        "status.code",
        DEMO,
        "print the demo staff's codes of this half minute (their second factor)",
        _DATA | _CODE,
    ),
    "down": Command("stop.down", None, "stop what `up` started", _DATA),
    "test": Command(
        "runs.test", DEVELOPMENT, "run the tests; arguments go to pytest, --full adds the long suites"
    ),
    "check": Command(
        "runs.check",
        DEVELOPMENT,
        "format, lint, types, layers, migrations, dependencies; or only those named",
    ),
    "bench": Command("runs.bench", DEVELOPMENT, "run the benchmarks; or only those named"),
    "manage": Command("runs.manage", DEMO, "run manage.py; `./dev manage help` lists its commands"),
}
EPILOG = (
    "It needs python3 (3.11 or newer) and the package registry, no more. All it makes is in .venv/ and var/;\n"
    "started as root, the servers' data is in /var/lib/interlude/."
)


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(
        prog="./dev", epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter
    )
    subparsers = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        one = subparsers.add_parser(name, help=command.help, description=command.help)
        for option, how in (command.options or {"arguments": {"nargs": argparse.REMAINDER}}).items():
            one.add_argument(*(["-f"] if option == "--follow" else []), option, **how)
    return whole


def dispatch(arguments: list[str]) -> int:
    """Read the command line, then go on inside .venv, where the rest of the launcher finds its packages."""
    name, *rest = arguments or [""]
    passes_on = name in COMMANDS and COMMANDS[name].options is None
    # Options of other programs (`./dev test -q`) are not ours to read; --help alone is, or where it can only be ours.
    asks_for_help = rest in (["--help"], ["-h"]) or (
        name in ("check", "bench") and {"--help", "-h"} & {*rest}
    )
    if asks_for_help:
        arguments = [name, "--help"]
    options: Any = rest if passes_on and not asks_for_help else parser().parse_args(arguments)
    command = COMMANDS[name]
    if command.lock:
        interrupt_on_signals()
        ensure_venv(command.lock)
        if not VENV.samefile(sys.prefix):
            os.execv(PYTHON, [str(PYTHON), str(ROOT / "dev"), *arguments])
    module, function = command.function.split(".")
    code: int = getattr(importlib.import_module(f"launcher.{module}"), function)(options)
    return code


def main() -> int:
    # Compiled files save each of the dozen processes that we start two of its three seconds.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        return dispatch(sys.argv[1:])
    except UserError as error:
        log(f"dev: {error}")
    except Interrupted:
        return 130
    except BrokenPipeError:
        # Whoever read our answer has gone; Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        where = f" ({error.filename}); see that this user may read and write there" if error.filename else ""
        log(f"dev: {error.strerror or error}{where}.")
    return 1
