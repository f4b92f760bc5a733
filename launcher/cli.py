"""
The command line: ``./dev COMMAND``. What goes wrong for a person is one sentence and exit code 1.
"""

import argparse
import importlib
import os
import sys
from pathlib import Path
from typing import Any

from launcher.output import ROOT, Interrupted, UserError, interrupt_on_signals, log
from launcher.venv import DEMO, DEVELOPMENT, PYTHON, VENV, ensure_venv

# Of each command: the function, the packages that it needs, and its help.
COMMANDS = {
    "up": ("up.up", DEMO, "start everything with a demo clinic; print the address and the sign-ins"),
    "status": (
        "status.status",
        DEMO,
        "each process, its memory, the oldest due work, how far the demo's loading is",
    ),
    "logs": ("stop.logs", None, "the end of the logs, or of one: `./dev logs web --follow`"),
    "code": ("status.code", DEMO, "print the demo staff's codes of this half minute (their second factor)"),
    "down": ("stop.down", None, "stop what `up` started"),
    "test": (
        "runs.test",
        DEVELOPMENT,
        "run the tests; arguments go to pytest, --full adds the long suites",
    ),
    "check": (
        "runs.check",
        DEVELOPMENT,
        "format, lint, types, layers, migrations, dependencies; or only those named",
    ),
    "bench": ("runs.bench", DEVELOPMENT, "run the benchmarks; or only those named"),
    "manage": ("runs.manage", DEMO, "run manage.py; `./dev manage help` lists its commands"),
}
PASS_ON = ("test", "check", "bench", "manage")
EPILOG = (
    "It needs python3 (3.11 or newer) and the package registry, no more. All it makes is in .venv/ and var/;\n"
    "started as root, the servers' data is in /var/lib/interlude/."
)


def parser() -> argparse.ArgumentParser:
    how = argparse.RawTextHelpFormatter
    whole = argparse.ArgumentParser(prog="./dev", epilog=EPILOG, formatter_class=how)
    subparsers = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands = {
        name: subparsers.add_parser(name, help=help, description=help)
        for name, (_, _, help) in COMMANDS.items()
    }
    for name in PASS_ON:
        commands[name].add_argument("arguments", nargs=argparse.REMAINDER)
    for name in set(commands) - set(PASS_ON):
        commands[name].add_argument(
            "--data", type=_folder, metavar="DIR", default=ROOT / "var", help="instead of var/"
        )
    up, logs = commands["up"], commands["logs"]
    up.add_argument("--detach", action="store_true", help="return when it is ready, and leave it running")
    up.add_argument("--port", type=_port, help="the web server's port (8000, or the next free one)")
    up.add_argument("--fresh", action="store_true", help="stop, erase this folder's data, and start anew")
    up.add_argument("--no-demo", action="store_true", help="without the demo clinic")
    up.add_argument("--json", action="store_true", help="print the facts as one JSON object on stdout")
    logs.add_argument(
        "name", nargs="?", metavar="NAME", help="web, worker, beat, watch, postgres, valkey, demo, dev"
    )
    logs.add_argument("-f", "--follow", action="store_true", help="go on showing what is added")
    commands["code"].add_argument(
        "who", nargs="?", default="", help="only of addresses that hold this, e.g. ben"
    )
    return whole


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError("a port is a whole number from 1 to 65535")
    return int(text)


def _folder(text: str) -> Path:
    return Path(text).resolve()


def dispatch(arguments: list[str]) -> int:
    """Read the command line, then go on inside .venv, where the rest of the launcher finds its packages."""
    name, *rest = arguments or [""]
    # Options of other programs (`./dev test -q`) are not ours to read; --help alone is, or where it can only be ours.
    asks_for_help = rest in (["--help"], ["-h"]) or (
        name in ("check", "bench") and {"--help", "-h"} & {*rest}
    )
    if asks_for_help:
        arguments = [name, "--help"]
    options: Any = rest if name in PASS_ON and not asks_for_help else parser().parse_args(arguments)
    place, lock, _ = COMMANDS[name]
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
    except Interrupted:
        return 130
    except BrokenPipeError:
        # Whoever read our answer has gone; Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        where = f" ({error.filename}); see that this user may read and write there" if error.filename else ""
        log(f"dev: {error.strerror or error}{where}.")
    return 1
