"""The scenario of the matrix, at one fixed instant."""

from collections.abc import Iterator

import pytest
import time_machine

from tests.access import actors
from tests.access.actors import Scenario
from tests.access.resources import NOW


@pytest.fixture
def scenario(db: None) -> Iterator[Scenario]:
    with time_machine.travel(NOW, tick=False):
        yield actors.scenario()
