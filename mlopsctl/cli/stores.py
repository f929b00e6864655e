"""Which store a command works with."""

from typing import TYPE_CHECKING

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.source.nodes import ScalarNode, at, key_span

if TYPE_CHECKING:
    from mlopsctl.compiler import Compilation
    from mlopsctl.store import Patience, Store


def store_of(compilation: "Compilation", asked: str) -> "Store":
    """The store asked for, else the environment's, else `.mlops/store` of the project.

    Raises DiagnosedError for an environment that is a cluster, UnsupportedStore for an address of no store.
    """
    from mlopsctl.local.faults import needs_cluster

    environment = compilation.environment
    if environment is not None and at(environment.root, ("spec", "cluster")) is not None:
        raise DiagnosedError(needs_cluster(environment.name, key_span(environment.root, ("spec", "cluster"))))
    return store_wherever(compilation, asked)


def store_wherever(compilation: "Compilation", asked: str, *, patience: "Patience | None" = None) -> "Store":
    """The same store, also of an environment that is a cluster. Raises UnsupportedStore for an address of no store."""
    from mlopsctl.store import open_store

    environment = compilation.environment
    named = at(environment.root, ("spec", "store")) if environment else None
    if asked:
        return open_store(asked, patience=patience)
    if environment is not None and isinstance(named, ScalarNode):
        address = str(named.value)
        # Like every path in a document, that of a folder is relative to the file that it is written in.
        return open_store(address if "://" in address else environment.path.parent / address, patience=patience)
    return open_store(compilation.sources.root / ".mlops" / "store", patience=patience)
