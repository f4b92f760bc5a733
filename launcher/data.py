"""The data folder: everything that ``./dev up`` keeps, and the secrets, which are made once."""

import base64
import hashlib
import json
import os
import secrets
import shutil
import time
from pathlib import Path
from typing import IO, Any

from launcher import locks
from launcher.output import ROOT, UserError, log, private

OWNER, APP = "interlude_owner", "interlude_app"
KEYS = ("MASTER_KEY", "LOOKUP_KEY", "ANCHOR_KEY")
# PostgreSQL refuses root. Root lends it an ordinary user, who could not reach a clone in root's home.
SERVERS_OF_ROOT = Path("/var/lib/interlude")


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; only its owner may read it, from its first byte on."""
    part = path.with_name(path.name + ".new")
    part.unlink(missing_ok=True)
    with open(part, "x", opener=private) as file:
        file.write(text)
    part.replace(path)


class DataDir:
    """The paths of one data folder; the servers' files may lie elsewhere."""

    def __init__(self, path: Path, *, servers: Path | None = None) -> None:
        self.path = path
        self.folders = [path / name for name in ("run", "log", "mail", "anchors")]
        self.run, self.log, self.mail, self.anchors = self.folders
        self.secrets, self.sign_ins = path / "secrets.json", path / "sign_ins.json"
        # Held by the one ./dev that is at work here; each service has its own in `run`.
        self.lock = path / "dev.lock"
        # True only while things run: what `up` prints, and the product's settings.
        self.status = self.run / "status.json"
        name = hashlib.sha256(str(path).encode()).hexdigest()[:16]
        self.servers = servers or (SERVERS_OF_ROOT / name if os.geteuid() == 0 else path / "servers")

    def lock_of(self, service: str) -> Path:
        return self.lock if service == "dev" else self.run / f"{service}.lock"

    def log_of(self, service: str) -> Path:
        return self.log / f"{service}.log"

    def refuse_foreign(self) -> None:
        """Refuse a folder that holds something else; our lock file in it says that it is ours."""
        if self.path == ROOT / "var" or self.lock.exists() or not self.path.exists():
            return
        if not self.path.is_dir() or any(self.path.iterdir()):
            raise UserError(
                f"{self.path} is neither empty nor a data folder of ./dev; name another with --data."
            )

    def prepare(self) -> None:
        """Make the folders, and put long logs aside."""
        for folder in self.folders:
            folder.mkdir(mode=0o700, exist_ok=True)
        for path in self.log.glob("*.log"):
            if path.stat().st_size > 10_000_000:
                path.replace(path.with_suffix(".log.old"))

    def claim(self) -> IO[str] | None:
        """Return this folder's lock, or None if it is up. Another ./dev still on its way, up or down, is waited for."""
        waits = False
        while (lock := locks.acquire(self.lock)) is None:
            if self.status.exists():
                return None
            if not waits:
                log("Another ./dev is at work in this data folder; waiting for it ...")
                waits = True
            time.sleep(0.1)
        self.status.unlink(missing_ok=True)
        return lock

    def read_status(self) -> dict[str, Any] | None:
        """Return what `up` wrote down when it was ready; None unless it runs."""
        if not (self.status.exists() and locks.is_held(self.lock)):
            return None
        status: dict[str, Any] = json.loads(self.status.read_text())
        return status

    def erase(self) -> None:
        """Remove what we made, by name; whatever else lies in the folder stays."""
        for folder in (self.servers, *self.folders):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (self.sign_ins, self.secrets):
            file.unlink(missing_ok=True)


def load_secrets(data: DataDir) -> dict[str, str]:
    """
    Return this folder's secrets; they are made once, and never printed or logged.

    :raises UserError: if the file is there and cannot be read: new keys would make the old data unreadable.
    """
    if data.secrets.exists() and data.secrets.stat().st_uid != os.geteuid():
        raise UserError(
            f"{data.path} is another user's: run ./dev as that user, or name another folder with --data."
        )
    if not data.secrets.exists():
        if (data.servers / "postgres").exists():
            raise UserError(
                f"The secrets of the database in {data.servers} are gone; `./dev up --fresh` erases it and starts anew."
            )
        fresh = {name: secrets.token_urlsafe(24) for name in ("postgres", OWNER, APP, "valkey")}
        fresh["secret_key"] = secrets.token_urlsafe(48)
        fresh |= {name.lower(): base64.b64encode(secrets.token_bytes(32)).decode() for name in KEYS}
        write_private(data.secrets, json.dumps(fresh, indent=1))
    try:
        kept: dict[str, str] = json.loads(data.secrets.read_text())
    except ValueError:
        raise UserError(
            f"{data.secrets} is damaged, and without its keys the data here cannot be read: put the file back, "
            "or start with empty data by `./dev up --fresh`."
        ) from None
    return kept
