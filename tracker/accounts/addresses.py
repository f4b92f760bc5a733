"""
E-mail addresses in one normal form, wherever they are stored, looked for or counted. Pure.

Keyboards write a capital and a blank into them, and a domain with letters beyond ASCII has two spellings (IDNA).
"""

import unicodedata

import idna

# In characters; RFC 5321 has 254. To put a long row of combining marks in order takes seconds.
LONGEST = 320


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


def _ascii(domain: str) -> str:
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return domain
