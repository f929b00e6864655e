"""The patterns of `.gitignore`, matched byte by byte as git matches them, whose word counts for what code is.

Source: gitignore(5), section PATTERN FORMAT, and where that is silent, what `git ls-files` does.
"""

import re
from collections.abc import Iterable, Iterator

from mlopsctl.frozen import frozen

_SPECIAL = re.compile(rb"[*?\[\\]")
_BEFORE_TRAILING_SPACES = re.compile(rb"((?:\\.|[^\\])*?) *", re.DOTALL)
# What stands in brackets: a class, or a byte that may begin a range.
_MEMBER = re.compile(rb"\[:([a-z]*):\]|(\\.|[^\\])(?:-(\\.|[^\]\\]))?", re.DOTALL)
_CLASSES = {
    b"alnum": rb"[0-9A-Za-z]",
    b"alpha": rb"[A-Za-z]",
    b"blank": rb"[ \t]",
    b"cntrl": rb"[\x00-\x1f\x7f]",
    b"digit": rb"[0-9]",
    b"graph": rb"[!-~]",
    b"lower": rb"[a-z]",
    b"print": rb"[ -~]",
    b"punct": rb"[!-/:-@\[-`{-~]",
    b"space": rb"[ \t-\r]",
    b"upper": rb"[A-Z]",
    b"xdigit": rb"[0-9A-Fa-f]",
}
_NEVER = rb"(?!)"


@frozen
class Pattern:
    """One line: what it matches, and whether it takes back what those above it say."""

    regex: re.Pattern[bytes]
    negates: bool
    folders_only: bool
    is_path: bool  # it is held against the whole path, else against the last name alone


def read_patterns(lines: Iterable[bytes]) -> tuple[Pattern, ...]:
    """The patterns of lines without their ends; comments and empty lines are none."""
    return tuple(pattern for line in lines if (pattern := _pattern(line)) is not None)


def said_of(path: bytes, patterns: tuple[Pattern, ...], *, is_folder: bool) -> bool | None:
    """What the last pattern that matches says of a path: it is meant, it is not. None if no pattern matches."""
    name = path.rpartition(b"/")[2]
    for pattern in reversed(patterns):
        if (is_folder or not pattern.folders_only) and pattern.regex.fullmatch(path if pattern.is_path else name):
            return not pattern.negates
    return None


def _pattern(line: bytes) -> Pattern | None:
    untrimmed = _BEFORE_TRAILING_SPACES.fullmatch(line)
    text = untrimmed.group(1) if untrimmed else line
    if not text or text.startswith(b"#"):
        return None
    negates, text = text.startswith(b"!"), text.removeprefix(b"!")
    folders_only, text = text.endswith(b"/"), text.removesuffix(b"/")
    return Pattern(_regex(text.removeprefix(b"/")), negates, folders_only, b"/" in text)


def _regex(text: bytes) -> re.Pattern[bytes]:
    return re.compile(b"".join(_parts(text)) or _NEVER, re.DOTALL)


def _parts(text: bytes) -> Iterator[bytes]:
    special = _SPECIAL.search(text)
    at, first = 0, special.start() if special else -1
    while at < len(text):
        match text[at : at + 1]:
            case b"*":
                part, at = _stars(text, at, is_first=at == first)
            case b"?":
                part, at = b"[^/]", at + 1
            case b"[":
                part, at = _set(text, at + 1)
            case b"\\":
                part, at = re.escape(text[at + 1 : at + 2]) or _NEVER, at + 2
            case literal:
                part, at = re.escape(literal), at + 1
        yield part


def _stars(text: bytes, at: int, *, is_first: bool) -> tuple[bytes, int]:
    """`*` or `**`, and where the pattern goes on. Git looks only at what follows the literal beginning of a pattern."""
    end = at + len(text[at:]) - len(text[at:].lstrip(b"*"))
    begins = is_first or text[at - 1 : at] in (b"", b"/")
    if end - at > 1 and begins:
        if text[end : end + 1] == b"/":
            return b"(?:.*/)?", end + 1
        if end == len(text) or text[end : end + 2] == b"\\/":
            return b".*", end
    return b"[^/]*", end


def _set(text: bytes, at: int) -> tuple[bytes, int]:
    """`[a-z]` behind its bracket, and where the pattern goes on."""
    is_negated = text[at : at + 1] in (b"!", b"^")
    start = at = at + is_negated
    members: set[int] = set()
    while at == start or text[at : at + 1] != b"]":
        member = _MEMBER.match(text, at)
        if member is None or (member.group(1) is not None and member.group(1) not in _CLASSES):
            return _NEVER, len(text)
        members.update(_bytes_of(member))
        at = member.end()
    meant = sorted((set(range(256)) - members if is_negated else members) - {ord("/")})
    return b"[%s]" % b"".join(b"\\x%02x" % byte for byte in meant) if meant else _NEVER, at + 1


def _bytes_of(member: re.Match[bytes]) -> Iterable[int]:
    name, low, high = member.groups()
    if name is not None:
        return b"".join(re.findall(_CLASSES[name], bytes(range(256))))
    return (low[-1], *range(low[-1], (high or low)[-1] + 1))  # the first counts even where the range is none
