"""What a stage lets a model import when it is loaded, beside what models are made of."""

from typing import Literal

from mlopsctl.frozen import frozen
from mlopsctl.ir.origin import Origin

Verdict = Literal["refuse", "warn", "allow"]


@frozen(kw_only=True)
class Scan:
    """What is done about names that are unsafe or unknown; what `allow` names, or fits with `*`, is neither."""

    unsafe: Verdict = "refuse"
    unknown: Verdict = "warn"
    allow: tuple[str, ...] = ()


def read_scan(stage: Origin) -> Scan:
    """What a deploy stage says of it."""
    return Scan(
        unsafe=stage.text("scan", "unsafe") or "refuse",  # type: ignore[arg-type]  # the schema lists the same
        unknown=stage.text("scan", "unknown") or "warn",  # type: ignore[arg-type]  # as above
        allow=stage.texts("scan", "allow"),
    )
