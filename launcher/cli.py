"""The command line: ``./dev COMMAND``. What goes wrong for a person is one sentence and exit code 1."""

import argparse
import importlib
import os
import sys
from pathlib import Path
from typing import Any

from launcher.output import ROOT, UserError, interrupt_on_signals, log
from launcher.venv import DEMO, DEVELOPMENT, PYTHON, VENV, ensure_venv


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError("a port is a whole number from 1 to 65535")
    return int(text)


# Of each command: the function, the packages that it needs, its help, its own options (None: all goes to a program).
COMMANDS: dict[str, tuple[str, str | None, str, str | None]] = {
    "up": (
        "up.up",
        DEMO,
        "start everything; print the address and the sign-ins",
        "--detach --port --fresh --no-demo --json",
    ),
    "status": ("status.status", DEMO, "each process, its memory, due work, the demo's loading", ""),
    "logs": (
        "stop.logs",
        None,
        "the end of the logs, or of one: `./dev logs web --follow`",
        "name -f/--follow",
    ),
    "code": ("status.code", DEMO, "print the demo staff's codes of this half minute", "who"),
    "down": ("stop.down", None, "stop what `up` started", ""),
    "test": ("runs.test", DEVELOPMENT, "run the tests by pytest; --full adds the long suites", None),
    "check": ("runs.check", DEVELOPMENT, "format, lint, types, layers, ...; or only those named", None),
    "bench": ("runs.bench", DEVELOPMENT, "run the benchmarks; or only those named", None),
    "manage": ("runs.manage", DEMO, "run manage.py; `./dev manage help` lists its commands", None),
}
_FLAG = {"action": "store_true"}
OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "--detach": ("return when it is ready, and leave it running", _FLAG),
    "--port": ("the web server's port (8000, or the next free one)", {"type": _port}),
    "--fresh": ("stop, erase this folder's data, and start anew", _FLAG),
    "--no-demo": ("without the demo clinic", _FLAG),
    "--json": ("print the facts as one JSON object on stdout", _FLAG),
    "-f/--follow": ("go on showing what is added", _FLAG),
    "--data": ("instead of var/", {"type": lambda text: Path(text).resolve(), "default": ROOT / "var"}),
    "name": ("web, worker, beat, watch, postgres, valkey, demo, dev", {"nargs": "?"}),
    "who": ("only of addresses that hold this, e.g. ben", {"nargs": "?", "default": ""}),
}
EPILOG = (
    "It needs python3 (3.11 or newer) and the package registry, no more. All it makes is in .venv/ and var/;\n"
    "started as root, the servers' data is in /var/lib/interlude/."
)


def parser() -> argparse.ArgumentParser:
    how = argparse.RawTextHelpFormatter
    whole = argparse.ArgumentParser(prog="./dev", epilog=EPILOG, formatter_class=how)
    subparsers = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command, (_, _, text, options) in COMMANDS.items():
        one = subparsers.add_parser(command, help=text, description=text)
        if options is None:
            one.add_argument("arguments", nargs=argparse.REMAINDER)
            continue
        for option in ["--data", *options.split()]:
            text, details = OPTIONS[option]
            one.add_argument(*option.split("/"), help=text, **details)
    return whole


def dispatch(arguments: list[str]) -> int:
    """Read the command line, then go on inside .venv, where the rest of the launcher finds its packages."""
    name, *rest = arguments or [""]
    # Options of other programs (`./dev test -q`) are not ours to read; --help alone is, or where it can only be ours.
    asks_for_help = rest in (["--help"], ["-h"]) or (
        name in ("check", "bench") and {"--help", "-h"} & {*rest}
    )
    if asks_for_help:
        arguments = [name, "--help"]
    passes_on = name in COMMANDS and COMMANDS[name][3] is None and not asks_for_help
    options: Any = rest if passes_on else parser().parse_args(arguments)
    place, lock, _, _ = COMMANDS[name]
    if lock:
        interrupt_on_signals()
        ensure_venv(lock)
        if not VENV.samefile(sys.prefix):
            os.execv(PYTHON, [str(PYTHON), str(ROOT / "dev"), *arguments])
    module, function = place.split(".")
    code: int = getattr(importlib.import_module(f"launcher.{module}"), function)(options)
    return code


def main() -> int:
    # Compiled files save each of the dozen processes that we start two of its three seconds.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        return dispatch(sys.argv[1:])
    except UserError as error:
        log(f"dev: {error}")
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our answer has gone; Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        where = f" ({error.filename}); see that this user may read and write there" if error.filename else ""
        log(f"dev: {error.strerror or error}{where}.")
    return 1
