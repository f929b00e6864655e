"""A log that breaks off is taken up where it was, though it can only be asked for from a second on."""

from mlopsctl.cluster.pod_logs import Place

LOG = [
    f"2026-11-21T10:00:0{second}.{fraction}Z line {second} {fraction}" for second in (1, 2) for fraction in (1, 25, 3)
]


def test_no_line_is_lost_or_told_twice_wherever_it_broke_off() -> None:
    for broken in range(len(LOG) + 1):
        place = Place()
        first = list(place.new(iter(LOG[:broken])))
        since = place.query.get("sinceTime", "")
        again = [line for line in LOG if line[:19] >= since[:19]]
        assert first + list(place.new(iter(again))) == [line.partition(" ")[2] for line in LOG]
