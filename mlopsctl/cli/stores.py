"""Which store a command works with."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.source.nodes import ScalarNode, at

if TYPE_CHECKING:
    from mlopsctl.compilation import Compilation
    from mlopsctl.source.project import Sources
    from mlopsctl.store import Patience, Store


def in_cluster(compilation: "Compilation") -> bool:
    """Whether what was compiled for is a cluster."""
    environment = compilation.environment
    return environment is not None and at(environment.root, ("spec", "cluster")) is not None


def all_environments(sources: "Sources") -> list[str]:
    """The names of a project's environments, this machine first."""
    from mlopsctl.compilation import LOCAL

    return list(dict.fromkeys((LOCAL, *(environment.name for environment in sources.environments))))


def store_of(compilation: "Compilation", asked: str, *, patience: "Patience | None" = None) -> "Store":
    """The store asked for, else the environment's, else `.mlops/store` of the project.

    Raises UnsupportedStore for an address of no store.
    """
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


@contextmanager
def named_at_fault(compilation: "Compilation") -> Iterator[None]:
    """Show what goes wrong with the environment's store at the line that names it. Raises DiagnosedError."""
    from mlopsctl.engine.faults import store_failed
    from mlopsctl.store import StoreError

    environment = compilation.environment
    named = at(environment.root, ("spec", "store")) if environment else None
    try:
        yield
    except StoreError as error:
        hint = error.hint or "correct the address, or see that there is such a place and that you may write to it"
        raise DiagnosedError(store_failed(str(error), hint, "the store", named.span if named else None)) from error
