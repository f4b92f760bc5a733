"""
Passwords in one normal form at every entrance: joining, sign-in, reset, change, re-authentication. Pure.

Phones and keyboards write one text in several ways: composed or with combining marks, with a blank at an end. NIST SP
800-63B (section 5.1.1.2 of revision 3) wants NFKC or NFKD before hashing, and allows blanks at the ends to go.
"""

import unicodedata
from collections.abc import Sequence

# In characters. Nobody joins with a longer one; to put a long row of combining marks in order takes seconds.
LONGEST = 1000


def normal_form(password: str) -> str:
    """Return the password as it is hashed: NFKC, without blanks at its ends; one of over ``LONGEST`` as it is."""
    if len(password) > LONGEST:
        return password
    return unicodedata.normalize("NFKC", password).strip()


def forms(password: str) -> Sequence[str]:
    """Return what a hash may have been made of: the normal form, and the password as typed, as it once was."""
    return tuple(dict.fromkeys((normal_form(password), password)))
