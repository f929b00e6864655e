"""What a project is rendered to: made, or known from before if nothing that it was made from has changed."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlopsctl.cli.screen import PULLED, Screen
from mlopsctl.cli.shares import in_shares, processes_for
from mlopsctl.cli.uncollected import uncollected
from mlopsctl.diagnostics import DiagnosedError, Diagnostic, has_errors, in_reading_order
from mlopsctl.engine.cache import default_cache
from mlopsctl.frozen import frozen
from mlopsctl.manifest import Key
from mlopsctl.render.files import Piece, piece_of
from mlopsctl.render.kept import Kept, find, keep, key_of
from mlopsctl.source.project import listing
from mlopsctl.source.questions import Answers, heard, note_all

if TYPE_CHECKING:
    from mlopsctl.compilation import Compilation
    from mlopsctl.render.filling import Templates
    from mlopsctl.render.objects import Judge


@frozen(kw_only=True)
class Asked:
    """What is asked of a rendering. `is_committed`: there is a commit to stamp on it."""

    environment: str
    schemas: tuple[Path, ...]
    is_committed: bool


def rendering(screen: Screen, entry: Path, asked: Asked) -> Kept:
    """The rendering of the project of the file `entry`, with what is to be said of it, errors among it.

    Only one without errors is kept. Raises DiagnosedError and OSError where nothing can be made at all.
    """
    folder = default_cache(screen.environ) / "renderings"
    key = _key(screen, entry, asked)
    found = find(folder, key) if key else None
    if found is not None:
        return found
    with heard() as answers, uncollected():
        made = _made(screen, entry, asked)
    # What was written to meanwhile may have been read before or after: only what stood still is kept.
    if key and not has_errors(made.diagnostics) and _key(screen, entry, asked) == key:
        keep(folder, key, made, answers)
    return made


def _key(screen: Screen, entry: Path, asked: Asked) -> str:
    """What the rendering is known by; empty if something can't be read, which is said when it is needed."""
    try:
        listed = listing(entry)
        documents = [(path, path.read_bytes()) for path in listed.paths]
        folders = (*asked.schemas, entry.parent / PULLED, *((listed.templates,) if listed.templates else ()))
        key = key_of(entry, documents, f"{asked.is_committed} {asked.environment}", folders)
    except (OSError, ValueError, DiagnosedError):
        return ""
    for path, content in documents:
        shown = path.relative_to(entry.parent) if path.is_relative_to(entry.parent) else path
        screen.texts[shown.as_posix()] = content.decode("utf-8", errors="replace").removeprefix("\ufeff")
    return key


@frozen(kw_only=True)
class _Share:
    """What some of the pipelines are rendered to, with all that the whole has to know of it."""

    pieces: Sequence[Piece]
    diagnostics: Sequence[Diagnostic]
    keys: frozenset[Key]
    answers: Answers


def _made(screen: Screen, entry: Path, asked: Asked) -> Kept:
    from mlopsctl.render.objects import Judge  # here, as mostly nothing is new

    compilation = screen.compile_for_cluster(asked.environment, str(entry))
    if not compilation.succeeded:
        return Kept(mark="", pieces=(), diagnostics=compilation.diagnostics)
    mark = f"commit-{uuid.uuid4().hex}" if asked.is_committed else ""
    names = list(compilation.pipelines)
    with screen.templates(compilation.sources) as templates:
        targets = screen.targets(compilation.sources, asked.schemas)

        def work(some: Sequence[str]) -> _Share:
            alone = replace(compilation, pipelines={name: compilation.pipelines[name] for name in some})
            return _share(alone, templates, Judge(targets), mark)

        # The first pipeline has templates and schemas read, which is half a second that copies needn't do again.
        shares = [work(names[:1]), *in_shares(work, names[1:], processes_for(len(names)))]
        if len(frozenset[Key]().union(*(each.keys for each in shares))) < sum(len(each.keys) for each in shares):
            shares = [work(names)]  # which knows the place of each object that there is twice
    for share in shares:
        note_all(share.answers)
    told = (*compilation.diagnostics, *in_reading_order(_of_all(shares)))
    pieces = () if has_errors(told) else tuple(piece for share in shares for piece in share.pieces)
    return Kept(mark=mark if pieces else "", pieces=pieces, diagnostics=told)


def _share(compilation: "Compilation", templates: "Templates", judge: "Judge", mark: str) -> _Share:
    """Of each pipeline its texts alone are kept, as the objects of a thousand are a third of all memory."""
    from mlopsctl.compiler import rendered_pipelines

    pieces, found, is_right = list[Piece](), list[Diagnostic](), True
    with heard() as answers:
        for rendered in rendered_pipelines(compilation, templates, judge):
            found += rendered.diagnostics
            is_right = is_right and not has_errors(rendered.diagnostics)
            pieces += (piece_of(manifest, mark) for manifest in rendered.manifests if is_right)
    return _Share(pieces=pieces, diagnostics=found, keys=judge.keys, answers=answers)


def _of_all(shares: Sequence[_Share]) -> Iterator[Diagnostic]:
    """What is said of the shares. That a patch is for no object is true if it is said of each."""
    from mlopsctl.compiler import NO_OBJECT

    for found in (each for share in shares for each in share.diagnostics):
        if found.code != NO_OBJECT or all(found in share.diagnostics for share in shares):
            yield found
