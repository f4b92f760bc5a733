"""
Write docs/errors.md: every error code, with what a client does about it, from ``tracker.lib.error_codes``.

    .venv/bin/python docs/write_errors.py
"""

import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tracker.lib import error_codes  # noqa: E402

HEAD = """\
# Errors

Every error is `application/problem+json` (RFC 9457): `type`, `title`, `status`, a stable `code`, a sentence in
`detail`, the `request_id`, and for 400 `invalid` one entry in `errors` for each field (`pointer`, RFC 6901, into the
body) or query parameter or header (`parameter`). No value that was sent is ever repeated. A push answers 200 and has
the codes in its receipt, one per record. The codes are the same on every route; `tracker/lib/error_codes.py` is the
one list of them, and `docs/write_errors.py` writes this page from it.

Whatever the code, 429 and 503 come with `Retry-After`. Every refusal of a write below `/api/`
comes with `guidance` (the crisis text) and `alerted`, also at a path that does not exist or with another host's name;
that of a member of staff does not. Every 503 comes with `guidance` too. Where `alerted` is true,
an answer in what was sent raised an alert although it was refused: show the guidance at once; else have it at hand
beside the error.
"""
SECTIONS = {
    "A request": error_codes.REQUEST,
    "A field, a query parameter or a header": error_codes.FIELD,
    "A field of a record": error_codes.RECORD,
    "A record: in a receipt, or by `/api/v1/records`": error_codes.RECEIPT,
    "An event of a treatment session": error_codes.SESSION,
}


def table(title: str, codes: Sequence[error_codes.ErrorCode]) -> str:
    rows = [f"| `{each.code}` | {each.status} | {each.detail} | {each.client} |" for each in codes]
    return "\n".join(
        [f"## {title}\n", "| code | status | meaning | what a client does |", "|---|---|---|---|", *rows]
    )


def page() -> str:
    return "\n".join([HEAD, *(table(title, codes) + "\n" for title, codes in SECTIONS.items())])


if __name__ == "__main__":
    (ROOT / "docs" / "errors.md").write_text(page())
