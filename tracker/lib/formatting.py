"""Numbers and lists as people read them. Pure."""

from collections.abc import Sequence

MINUS = "\N{MINUS SIGN}"


def number(value: float, decimals: int = 1) -> str:
    """Return ``value`` rounded, with a true minus sign and without a trailing ``.0``."""
    text = f"{value:.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text.replace("-", MINUS)


def label(code: str) -> str:
    """Return a code as people read it: ``walking_or_aerobic`` is "walking or aerobic"."""
    return code.replace("_", " ")


def of_ten(name: str, value: float | None) -> str:
    """Return ``helpful 7 of 10``; nothing if there is no value."""
    return "" if value is None else f"{name} {value} of 10"


def joined(*parts: str) -> str:
    """Return the parts that are not empty, with commas between them."""
    return ", ".join(part for part in parts if part)


def first_of(names: Sequence[str], most: int) -> list[str]:
    """Return the first of many names, and how many more there are."""
    return [*names[:most], f"and {len(names) - most} more"] if len(names) > most else [*names]
