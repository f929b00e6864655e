import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.cluster.provider.artefacts import locked


def test_a_lock_lets_in_one_at_a_time_though_its_file_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    holders: list[int] = []

    def enter_often() -> None:
        for _ in range(20):
            with locked(path):
                holders.append(1)
                assert len(holders) == 1
                time.sleep(0.001)
                holders.pop()
                path.unlink()

    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(enter_often) for _ in range(4)]:
            each.result()
    assert list(tmp_path.iterdir()) == []
