"""The story that `make demo-cluster` shows, held to what it promises."""

from pathlib import Path

import pytest

from tests.cluster.conftest import Whole
from tests.cluster.flight_story import story, tell


@pytest.mark.slow
def test_flights_change_and_the_model_with_them(cluster: Whole, tmp_path: Path) -> None:
    with story(cluster, tmp_path, is_shown=False) as flights:
        tell(flights)
