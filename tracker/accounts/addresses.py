"""
E-mail addresses in one normal form, wherever they are stored, looked for or counted. Pure.

Keyboards write a capital and a blank into them, and a domain with letters beyond ASCII has two spellings (IDNA).
"""

import re
import unicodedata

import idna

# In characters; RFC 5321 has 254. To put a long row of combining marks in order takes seconds.
LONGEST = 320
# Of one that mail is sent to, in its normal form.
LONGEST_MAILABLE = 254
_NAME = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"({_LABEL}\.)+(?!\d+$){_LABEL}")


def normal_form(text: str) -> str:
    """
    Return an address without blanks at its ends, in lower case, its domain in ASCII.

    A text that is no address, such as an account's id, is only trimmed and put in lower case; one that is longer than
    any address stays as it is.
    """
    if len(text) > LONGEST:
        return text
    plain = unicodedata.normalize("NFKC", text).strip().lower()
    name, at, domain = plain.rpartition("@")
    return f"{name}{at}{_ascii(domain)}"


def is_mailable(text: str) -> bool:
    """
    Return whether a message can be made for an address, in whatever spelling.

    Its normal form is ASCII with a domain of the internet's names. A name in quotes (RFC 5321 allows it; nobody has
    one) may hold blanks and control characters, and is none.
    """
    name, _, domain = normal_form(text).rpartition("@")
    return (
        len(name) + len(domain) < LONGEST_MAILABLE
        and len(name) <= 64
        and _NAME.fullmatch(name) is not None
        and _DOMAIN.fullmatch(domain) is not None
    )


def _ascii(domain: str) -> str:
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return domain
