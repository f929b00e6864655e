"""Which ephemeral environments have outlived their time."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlopsctl.cli.screen import Screen
from mlopsctl.diagnostics import DiagnosedError

if TYPE_CHECKING:
    from mlopsctl.cluster.ephemeral import Guest
    from mlopsctl.source.header import Source
    from mlopsctl.source.project import Sources


def expired_environments(screen: Screen, family: str) -> list[str]:
    """The names of those that are there and whose time is over, of one family or of all; each is told of.

    Raises DiagnosedError if there is no such family, or if a cluster can't be asked.
    """
    from mlopsctl.compilation import no_such_environment

    sources = screen.load()
    families = [each for each in sources.ephemeral if family in ("", each.name)]
    if family and not families:
        raise DiagnosedError(no_such_environment(family, [each.name for each in sources.ephemeral]))
    now = datetime.now(UTC)
    over = [guest for each in families for guest in _guests(screen, sources, each) if guest.expires <= now]
    for guest in over if not screen.quiet else ():
        by, why = guest.by or "someone", guest.why and f" for {guest.why}"
        sys.stderr.write(f"{guest.environment}: its time was over at {guest.expires.isoformat()}; by {by}{why}\n")
    return [guest.environment for guest in over]


def _guests(screen: Screen, sources: "Sources", family: "Source") -> "Iterator[Guest]":
    from mlopsctl.cluster.connect import connect
    from mlopsctl.cluster.ephemeral import guests
    from mlopsctl.cluster.objects import Objects
    from mlopsctl.cluster.resources import Resources
    from mlopsctl.cluster.site import expect_identity, place_of
    from mlopsctl.compilation import cluster_environment
    from mlopsctl.compiler import located

    # Any of them says where they all are.
    environment = cluster_environment(located(sources, f"{family.name}-0"))
    assert environment.ephemeral is not None, "it is of a family"
    connection = connect(place_of(environment), screen.environ)
    expect_identity(environment, connection)
    yield from guests(Objects(connection, Resources(connection)), family.name, sources.name, environment.ephemeral.ttl)
