"""What the kernel says of the memory of a container: its limit, and how many processes it ended for want of more."""

from pathlib import Path

_VERSION_2 = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory.max")
_VERSION_1 = ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_NO_LIMIT = 1 << 60  # near what version 1 says where there is none


def killed_for_memory() -> int:
    """How many processes of this container were ended so far because they reached its limit; 0 if it has none.

    Where there is no limit these files are of the whole machine, or not there.
    """
    if memory_limit() is None:
        return 0
    for events, _ in (_VERSION_2, _VERSION_1):
        for line in _text(events).splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill" and count.isdecimal():
                return int(count)
    return 0


def memory_limit() -> int | None:
    """The bytes that all processes together may have, or None if there is no limit or nobody says."""
    for _, limit in (_VERSION_2, _VERSION_1):
        text = _text(limit).strip()
        if text.isdecimal() and int(text) < _NO_LIMIT:
            return int(text)
    return None


def _text(file: str) -> str:
    try:
        return Path(file).read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
