"""
The texts in which consent is asked, as data: one file a version.

A published text never changes, it is followed by another; a migration publishes it.
"""

import json
from pathlib import Path
from typing import Any

from tracker.lib import codes

_FOLDER = Path(__file__).parent / "data"
TEXTS: dict[int, dict[str, Any]] = {
    int(path.stem.rpartition("_")[2]): json.loads(path.read_text(encoding="utf-8"))
    for path in _FOLDER.glob("consent_text_*.json")
}


def label(category: str) -> str:
    """Return what the newest text calls a category."""
    words: str = TEXTS[max(TEXTS)]["categories"][codes.to_wire(category)]["label"]
    return words
