"""
Read the environment once, check it, and stop the start with a clear sentence if a value is wrong.

There is no default for a secret. ``NAME_FILE`` may name a file that holds the value (container secrets).
"""

import base64
import binascii
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

# Every name that the settings have asked for, in their order: docker-compose.yml must pass each, and
# docs/operations.md explain it (tests/launcher/test_containers.py).
NAMES: dict[str, None] = {}


class BadEnvironment(SystemExit):
    """A value that the product cannot start with. Printed as one sentence, without a traceback."""

    def __init__(self, sentence: str) -> None:
        super().__init__(f"Interlude cannot start: {sentence}")


def text(name: str, default: str | None = None) -> str:
    """Return the value of ``name``, or of the file that ``name_FILE`` points to. An empty value is none."""
    NAMES[name] = None
    path = os.environ.get(f"{name}_FILE")
    try:
        value = (Path(path).read_text().strip() if path else os.environ.get(name)) or default
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "it is not text"
        raise BadEnvironment(f"{name}_FILE cannot be read ({reason}).") from None
    if value is None:
        raise BadEnvironment(f"{name} is not set. See docs/operations.md, or use ./dev, which sets it.")
    return value


def flag(name: str, default: bool) -> bool:
    """Return a yes/no value: 1, true, yes, on or 0, false, no, off."""
    value = text(name, "1" if default else "0").lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise BadEnvironment(f"{name} must be 1 or 0.")


def number(name: str, default: int, *, low: int, high: int) -> int:
    """Return a whole number from ``low`` to ``high``."""
    try:
        value = int(text(name, str(default)))
    except ValueError:
        raise BadEnvironment(f"{name} must be a whole number.") from None
    if not low <= value <= high:
        raise BadEnvironment(f"{name} must be from {low} to {high}.")
    return value


def version(name: str) -> str:
    """Return a version such as 1.4 or 2.0.13; an empty text if it is not set."""
    value = text(name, "")
    if value and not re.fullmatch(r"\d{1,6}(\.\d{1,6}){0,3}", value, re.ASCII):
        raise BadEnvironment(f"{name} must be a version such as 1.4 or 2.0.13.")
    return value


def key(name: str) -> bytes:
    """Return a 32-byte key given in base64."""
    return _key(name, text(name))


def optional_key(name: str) -> bytes | None:
    """Return a key that only some processes are given; None if it is not set."""
    return key(name) if text(name, "") else None


def keys(name: str) -> list[bytes]:
    """Return comma-separated 32-byte keys in base64; none, if it is not set."""
    return [_key(name, part) for part in names(name, "")]


def named_keys(name: str) -> dict[str, bytes]:
    """Return comma-separated ``id:key`` pairs, each key 32 bytes in base64; none, if it is not set."""
    pairs = [part.partition(":") for part in names(name, "")]
    ids = [key_id for key_id, _, _ in pairs]
    if not all(ids) or len(set(ids)) != len(ids):
        raise BadEnvironment(f"{name} must be id:key, comma-separated, with each id once.")
    return {key_id: _key(name, given) for key_id, _, given in pairs}


def _key(name: str, given: str) -> bytes:
    try:
        value = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        raise BadEnvironment(f"{name} must be base64.") from None
    if len(value) != 32:
        raise BadEnvironment(f"{name} must be 32 bytes in base64: try `openssl rand -base64 32`.")
    return value


def secret(name: str, *, at_least: int) -> str:
    """Return a secret text of at least ``at_least`` characters."""
    value = text(name)
    if len(value) < at_least:
        raise BadEnvironment(f"{name} must have at least {at_least} characters.")
    return value


def names(name: str, default: str) -> list[str]:
    """Return a comma-separated list."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def origins(name: str) -> list[str]:
    """Return comma-separated origins of web apps, such as ``https://app.example.org``; none, if it is not set."""
    given = names(name, "")
    if not all(_is_origin(each) for each in given):
        raise BadEnvironment(
            f"{name} must be origins such as https://app.example.org, comma-separated, without a path or *;"
            " other schemes than https only of localhost."
        )
    return given


def _is_origin(given: str) -> bool:
    try:
        url = urlsplit(given)
        is_plain = f"{url.scheme}://{url.netloc}" == given and "@" not in given and "*" not in given
        _ = url.port
    except ValueError:
        return False
    # An app in a shell of its own has such an origin: capacitor://localhost.
    return (
        is_plain
        and bool(url.hostname)
        and (url.scheme == "https" or url.hostname in {"localhost", "127.0.0.1"})
    )


def one_of(name: str, *values: str) -> str:
    """Return one of the words ``values``; the first, if it is not set."""
    value = text(name, values[0]).lower()
    if value not in values:
        raise BadEnvironment(f"{name} must be one of {', '.join(values)}.")
    return value


def optional_database(name: str) -> dict[str, Any] | None:
    """Return Django's settings for an address that only one-off commands are given; None if it is not set."""
    return database(name) if text(name, "") else None


def database(name: str) -> dict[str, Any]:
    """Return Django's settings for a ``postgresql://user:password@host:port/name?option=value`` address."""
    return database_settings(name, text(name))


def database_settings(name: str, address: str) -> dict[str, Any]:
    """Return Django's settings for ``address``, the value of ``name``."""
    try:
        url = urlsplit(address)
        port = url.port
    except ValueError:
        raise BadEnvironment(f"{name} is not a valid address.") from None
    if url.scheme not in {"postgres", "postgresql"} or not url.path.strip("/"):
        raise BadEnvironment(f"{name} must look like postgresql://user:password@host:5432/name.")
    return {
        "ENGINE": "backend.postgresql",
        "NAME": unquote(url.path.lstrip("/")),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": url.hostname or "",
        "PORT": str(port or ""),
        "OPTIONS": dict(parse_qsl(url.query)),
    }


def broker(name: str) -> str:
    """Return the address of Valkey or Redis."""
    value = text(name)
    if urlsplit(value).scheme not in {"redis", "rediss", "valkey", "valkeys"}:
        raise BadEnvironment(f"{name} must look like redis://:password@host:6379/0.")
    return value.replace("valkey", "redis", 1) if value.startswith("valkey") else value
