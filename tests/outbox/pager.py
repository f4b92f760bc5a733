"""A delivery channel of a test: it writes down whom it would have paged. A worker takes it in by importing this."""

import os
from pathlib import Path
from typing import ClassVar

from tracker.accounts.models import User
from tracker.outbox.channels import CHANNELS
from tracker.outbox.models import Message

PAGES = "TEST_PAGES"


class Pager:
    code: ClassVar[str] = "PAGER"
    uses_network: ClassVar[bool] = True

    def address(self, user: User) -> str | None:
        return f"pager of {user.email}"

    def send(self, address: str, message: Message) -> None:
        with Path(os.environ[PAGES]).open("a") as pages:
            pages.write(f"{message.pk} {address}\n")


# In the worker that this module is given to; a test registers its own.
if PAGES in os.environ:
    CHANNELS[Pager.code] = Pager()
