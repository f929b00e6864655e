"""What is said to whoever wrote a name that isn't there: the similar one that is, or all of them."""

from collections.abc import Iterable
from typing import TypedDict

from mlopsctl.diagnostics import similar


class Advice(TypedDict):
    """The parts of a finding that advise."""

    label: str
    helps: tuple[str, ...]


def closest(name: str, known: Iterable[str], what: str) -> Advice:
    """The similar name as the label, or else a help that lists the names there are. `what` is in the singular."""
    names = [other for other in known if other != name]
    article = "an" if what[0] in "aeiou" else "a"
    if near := similar(name, names):
        return {"label": f"{article} {what} with a similar name: `{near}`", "helps": ()}
    if not names:
        return {"label": "", "helps": (f"there is no {what} to choose from",)}
    return {"label": "", "helps": (f"the {what}s are {listed(names)}",)}


def listed(names: Iterable[str]) -> str:
    """Names in backticks, with commas."""
    return ", ".join(f"`{name}`" for name in names)
