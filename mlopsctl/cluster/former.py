"""Versions of models that git names no longer: what served last is kept for a rollback, what is older goes.

What stays leaves the set that apply looks after, as what runs put into service is no member either: nobody waits for
it, and it is found by its labels.
"""

from collections.abc import Collection, Iterable, Mapping

from mlopsctl.cluster.applyset import Estate
from mlopsctl.cluster.comparing import deletion, of_head
from mlopsctl.cluster.in_service import labels_of, of_no_set
from mlopsctl.cluster.objects import Head, Objects
from mlopsctl.cluster.serving_now import led_to
from mlopsctl.frozen import frozen
from mlopsctl.manifest import PIPELINE
from mlopsctl.plan.model import Action, ObjectChange

_SERVICE, _ROUTE = "InferenceService", "HTTPRoute"
_KEPT = "kept without requests until the next release, for a rollback"
_HANDED_OVER = "serves until a run puts another version in its place"
_OLDER = "was kept for a rollback; now another version is"


@frozen(kw_only=True)
class Former:
    """What becomes of versions that git names no longer: some are let go of and stay, others come to their end."""

    kept: tuple[ObjectChange, ...] = ()
    gone: tuple[ObjectChange, ...] = ()


@frozen(kw_only=True)
class Versions:
    """The versions of models that git wants: their names, by all the pipelines that there are.

    Those of `by_runs` are deployed by their runs, so that git names none. `is_routed` says whether git has routes: who
    has none needs no right to read them.
    """

    wanted: Mapping[str, Collection[str]]
    by_runs: Collection[str]
    is_routed: bool

    def former(
        self, objects: Objects, estate: Estate, left: Collection[Head], changed: Iterable[ObjectChange]
    ) -> Former:
        """What becomes of others. Raises ClusterError. The cluster is asked only if something of them moves.

        `left` are the members of the set that nobody wants any more. Of pipelines that are no more nothing stays.
        """
        members = [each for each in left if each.key.kind == _SERVICE and each.labels.get(PIPELINE) in self.wanted]
        changing = {each.pipeline for each in changed if each.key.kind in (_SERVICE, _ROUTE)} - set(self.by_runs)
        moving = {each.labels[PIPELINE] for each in members} | changing
        if not moving:
            return Former()
        is_routed = self.is_routed or any(each.key.kind == _ROUTE for each in left)
        led = led_to(objects, estate.namespace, labels_of(estate)) if is_routed else {}
        unwatched = of_no_set(objects, estate, moving - set(self.by_runs))
        found = [
            self._former(
                pipeline,
                [each for each in members if each.labels[PIPELINE] == pipeline],
                [each for each in unwatched if each.labels[PIPELINE] == pipeline],
                led.get(pipeline),
            )
            for pipeline in sorted(moving)
        ]
        return Former(
            kept=tuple(change for each in found for change in each.kept),
            gone=tuple(change for each in found for change in each.gone),
        )

    def _former(self, pipeline: str, own: list[Head], unwatched: list[Head], led: set[str] | None) -> Former:
        """Of the members of a pipeline and of what is no member any more."""
        is_by_runs, wanted = pipeline in self.by_runs, self.wanted[pipeline]
        before = [each for each in unwatched if each.key.name not in wanted]
        stay = _staying(own, before, led) if wanted or is_by_runs else []  # else git says that nothing serves
        note = _HANDED_OVER if is_by_runs else _KEPT
        return Former(
            kept=tuple(of_head(each, Action.UPDATE, note=note) for each in own if each in stay),
            gone=(
                *(deletion(each) for each in own if each not in stay),
                *(deletion(each, note=_OLDER) for each in before if each not in stay),
            ),
        )


def _staying(own: list[Head], before: list[Head], led: set[str] | None) -> list[Head]:
    """Those that get requests now. If that is the version that is wanted, it is those that stayed `before`.

    What didn't come to serve is nothing to go back to. Where no route tells who gets requests, it is what was wanted
    last.
    """
    if led is None:
        return own or before
    return [each for each in (*own, *before) if each.key.name in led] or before
