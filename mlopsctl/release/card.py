"""The model card of a run: what its makers want known of the model, which goes wherever the model goes."""

from collections.abc import Iterable

from mlopsctl.store import Artifact, StageRecord

_NAME = "model-card.md"
_LARGEST = 20_000  # bytes; it is read in a commit


def card_of(results: Iterable[StageRecord]) -> Artifact | None:
    """A file called `model-card.md` that one of the stages made; None if none did, or none that people read whole."""
    made = (output for result in results for output in result.outputs.values())
    return next((each for each in made if each.kind == "file" and each.name == _NAME and each.size <= _LARGEST), None)
