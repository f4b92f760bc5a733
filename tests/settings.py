"""The product's settings, with keys where the environment names none and a password hash that is quick to compute."""

import base64
import os
import secrets
import tempfile
from pathlib import Path

# No server has this address. Tests that need one are left out where it stands (``conftest.py``).
NOWHERE = "nowhere.invalid"

for _name in ("MASTER_KEY", "LOOKUP_KEY", "ANCHOR_KEY"):
    os.environ.setdefault(_name, base64.b64encode(secrets.token_bytes(32)).decode())
os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(40))
os.environ.setdefault("DATABASE_URL", f"postgresql://nobody@{NOWHERE}/none")
os.environ.setdefault("REDIS_URL", f"redis://{NOWHERE}/0")
if not os.environ.get("SMTP_HOST"):
    os.environ.setdefault("MAIL_DIR", str(Path(tempfile.gettempdir()) / "interlude-test-mail"))

# Tests share their actors, and ask more of them than one person would in a minute.
for _name in ("READS_PER_MINUTE", "WRITES_PER_MINUTE"):
    os.environ.setdefault(_name, str(10**9))

from backend.settings import *  # noqa: E402, F403

# Argon2 as the product uses it takes 0.2 s of a processor for each password. The processes that tests start have
# the product's own settings.
PASSWORD_HASHERS = ["tests.hashers.QuickArgon2"]

# Each test client makes the middleware anew: static files are found when they are asked for, not all read each time.
WHITENOISE_AUTOREFRESH = True
