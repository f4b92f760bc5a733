"""What a person reads: progress on stderr, one sentence for what went wrong, the end of a log below it."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[1]
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class UserError(Exception):
    """Something a person can mend; the text is one clear sentence with the remedy."""


def log(sentence: str) -> None:
    """Show progress. It goes to stderr, so that stdout holds the answer only."""
    with contextlib.suppress(OSError):  # whoever was watching may be gone
        print(sentence, file=sys.stderr, flush=True)


def last_lines(path: Path, count: int = 12) -> str:
    """Return the end of a log, to be shown below a sentence; of the last command in it only."""
    with contextlib.suppress(OSError):
        last_command = re.split(r"(?m)^\$ .*\n", path.read_text(errors="replace"))[-1]
        return "\n".join("    " + line for line in last_command.splitlines()[-count:])
    return ""


def private(path: str, flags: int) -> int:
    """Open a file (an ``opener``) that only its owner may read, from its first byte on."""
    return os.open(path, flags, 0o600)


def run_logged(command: Sequence[str | Path], path: Path, **options: Any) -> bool:
    """Run a command to its end with its words in a log; return whether it succeeded."""
    with open(path, "a", opener=private) as file:
        file.write("$ " + " ".join(map(str, command)) + "\n")
        file.flush()
        options = {"cwd": ROOT, "stdin": subprocess.DEVNULL, **options}
        try:
            return subprocess.run(command, stdout=file, stderr=file, **options).returncode == 0
        except OSError as error:  # no such program, or one of another architecture
            file.write(f"{error}\n")
            return False


def interrupt_on_signals() -> None:
    """Turn the first SIGINT, SIGTERM or SIGHUP into KeyboardInterrupt, and let nothing disturb the tidying up."""

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        ignore_signals()
        raise KeyboardInterrupt

    for number in STOP_SIGNALS:
        signal.signal(number, interrupt)


def ignore_signals() -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
