"""The stage of the matrix, at one standing instant."""

from collections.abc import Iterator

import pytest
import time_machine

from tests.access import cast
from tests.access.belongings import NOW
from tests.access.cast import Stage


@pytest.fixture
def stage(db: None) -> Iterator[Stage]:
    with time_machine.travel(NOW, tick=False):
        yield cast.stage()
