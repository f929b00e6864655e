"""Which files make a project: `mlops.yaml` and what it names, or a lone `pipeline.yaml`."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from mlopsctl.diagnostics import DiagnosedError, Diagnostic, Finding, Related, Span, diagnostic
from mlopsctl.frozen import frozen
from mlopsctl.source.ephemeral import is_family
from mlopsctl.source.files import Files, unreadable
from mlopsctl.source.header import Kind, Source, classified
from mlopsctl.source.nodes import Node, ScalarNode, SequenceNode, at, start_of, value_span

PROJECT_FILE = "mlops.yaml"
LONE_FILE = "pipeline.yaml"
TEMPLATES = "templates"
RELEASES = "releases/*/*.yaml"  # by environment and pipeline, as `promote` writes them

# By the key that lists them, with where they are if it isn't there.
_LISTS: Mapping[str, tuple[Kind, str]] = {
    "pipelines": ("Pipeline", "pipelines/*/pipeline.yaml"),
    "environments": ("Environment", "environments/*.yaml"),
    "policies": ("Policy", "policies/*.yaml"),
    "patches": ("Patch", "patches/*.yaml"),
}


@frozen
class Sources:
    """All documents of a project. `texts` is by display path; what could not be read is in `diagnostics` alone."""

    root: Path
    name: str
    project: Source | None
    pipelines: tuple[Source, ...]
    environments: tuple[Source, ...]
    ephemeral: tuple[Source, ...]  # documents that make environments, and are none
    policies: tuple[Source, ...]
    patches: tuple[Source, ...]
    releases: tuple[Source, ...]  # each of the environment that its folder is named after
    texts: Mapping[str, str]
    diagnostics: tuple[Diagnostic, ...]
    paths: frozenset[Path]  # every file read and the folder of templates, and so no part of anybody's code

    @property
    def templates(self) -> Path | None:
        """The folder of templates that take the place of ours; None where there is none."""
        return _templates(self.root, self.project) if self.project else None

    def all(self) -> Iterator[Source]:
        """Every document, the project's first."""
        yield from (self.project,) if self.project else ()
        yield from (*self.pipelines, *self.environments, *self.ephemeral)
        yield from (*self.policies, *self.patches, *self.releases)


def find_root(start: Path) -> Path:
    """The project file that rules `start`: the nearest `mlops.yaml` upwards, else a lone `pipeline.yaml` in `start`.

    `start` may also be the file itself. Raises DiagnosedError if there is none.
    """
    if start.is_file():
        return start.resolve()
    if start.suffix in (".yaml", ".yml"):
        why = "is a folder" if start.is_dir() else "no such file"
        raise DiagnosedError(unreadable(start.as_posix(), why))
    folder = start.resolve()
    for candidate in (folder, *folder.parents):
        if (candidate / PROJECT_FILE).is_file():
            return candidate / PROJECT_FILE
    if (folder / LONE_FILE).is_file():
        return folder / LONE_FILE
    raise DiagnosedError(no_project(start.as_posix()))


@frozen
class Listing:
    """The files that a project's documents are in, sorted, and its folder of templates, if it has one."""

    paths: tuple[Path, ...]
    templates: Path | None


def listing(entry: Path) -> Listing:
    """The files that `load` would read, without reading others than `entry`."""
    files = Files(entry.parent)
    project = next((source for source in classified(files, entry) if source.kind == "Project"), None)
    listed = {path for _, said in _lists(files, project) for path, _ in _listed(files, said)} if project else set()
    paths = sorted({entry, *listed, *files.root.glob(RELEASES)})
    return Listing(tuple(paths), _templates(files.root, project) if project else None)


def load(entry: Path) -> Sources:
    """Read the project of the file `entry`, a `mlops.yaml` or a pipeline that stands alone."""
    files = Files(entry.parent)
    found = list(classified(files, entry))
    project = next((source for source in found if source.kind == "Project"), None)
    seen = {entry}
    if project is not None:
        for kind, said in _lists(files, project):
            for path, item in _listed(files, said):
                if path not in seen:
                    seen.add(path)
                    found.extend(_of_kind(kind, classified(files, path), item.span, files))
    releases: list[Source] = []
    for path in sorted(files.root.glob(RELEASES)):
        seen.add(path)
        releases.extend(_of_kind("Release", classified(files, path), start_of(files.shown(path)), files))
    if project is not None and (folder := _templates(files.root, project)) is not None:
        seen.add(folder)  # a template says nothing that a stage could read
    environments = _unique(found, "Environment", files)
    return Sources(
        root=files.root,
        name=project.name if project else "",
        project=project,
        pipelines=_unique(found, "Pipeline", files),
        environments=tuple(each for each in environments if not is_family(each)),
        ephemeral=tuple(each for each in environments if is_family(each)),
        policies=_unique(found, "Policy", files),
        patches=_unique(found, "Patch", files),
        releases=tuple(releases),
        texts=files.texts,
        diagnostics=tuple(files.diagnostics),
        paths=frozenset(seen),
    )


def _lists(files: Files, project: Source) -> Iterator[tuple[Kind, Node | None]]:
    """What a project says of where the documents of each kind are."""
    for key, (kind, pattern) in _LISTS.items():
        yield kind, at(project.root, ("spec", key)) or _default(files, pattern)


def _listed(files: Files, patterns: Node | None) -> Iterator[tuple[Path, ScalarNode]]:
    """The files that a list of patterns names, each with the pattern that names it."""
    for item in patterns.items if isinstance(patterns, SequenceNode) else ():
        if not isinstance(item, ScalarNode) or not isinstance(item.value, str):
            continue
        paths = _matches(files.root, item.value)
        if paths is None:
            files.diagnostics.append(outside(item.span, item.value))
        elif not paths:
            files.diagnostics.append(matches_nothing(item.span, item.value))
        yield from ((path, item) for path in paths or ())


def _templates(root: Path, project: Source) -> Path | None:
    said = at(project.root, ("spec", "templates"))
    folder = root / (str(said.value) if isinstance(said, ScalarNode) else TEMPLATES)
    return folder if folder.is_dir() else None


def _default(files: Files, pattern: str) -> Node | None:
    """What a list says that isn't there, if it would name anything."""
    top = start_of(PROJECT_FILE)
    return SequenceNode((ScalarNode(pattern, top, pattern),), top) if _matches(files.root, pattern) else None


def _matches(root: Path, pattern: str) -> list[Path] | None:
    """The files that a pattern names, sorted; None if it leads out of the project."""
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        return None
    if not pattern or pattern == ".":
        return []
    try:
        return sorted(path for path in root.glob(pattern) if path.is_file())
    except ValueError:  # `**` beside other characters, which only newer Pythons read as `*`
        return []


def _of_kind(kind: Kind, found: Iterable[Source], listed: Span, files: Files) -> Iterator[Source]:
    for source in found:
        if source.kind == kind:
            yield source
        else:
            files.diagnostics.append(other_kind(value_span(source.root, ("kind",)), source.kind, kind, listed))


def _unique(found: list[Source], kind: Kind, files: Files) -> tuple[Source, ...]:
    """The documents of one kind, of each name the first."""
    first: dict[str, Source] = {}
    for source in found:
        if source.kind != kind:
            continue
        if source.name and source.name in first:
            where = value_span(first[source.name].root, ("metadata", "name"))
            again = value_span(source.root, ("metadata", "name"))
            files.diagnostics.append(same_name(again, kind, source.name, where))
        else:
            first[source.name or f"\0{len(first)}"] = source
    return tuple(first.values())


@diagnostic("MLO003")
def no_project(start: str) -> Finding:
    """There is no project here.

    A project is a folder with a `mlops.yaml`, looked for here and upwards, or a lone `pipeline.yaml` here.

    Example:
        mlopsctl validate ~/Downloads

    Fix: go to the project's folder, name its file, or begin one with `mlopsctl init`.
    """
    return Finding(
        message=f"no `{PROJECT_FILE}` in `{start}` or above it, and no `{LONE_FILE}` in it",
        helps=("go to the project's folder, or begin a project here: mlopsctl init",),
    )


@diagnostic("MLO004")
def matches_nothing(span: Span, pattern: str) -> Finding:
    """A pattern of `mlops.yaml` names no file.

    Example:
        pipelines: [pipeline/*.yaml]    # the folder is called pipelines

    Fix: correct the pattern, which is relative to `mlops.yaml`, or remove it.
    """
    return Finding(
        message=f"`{pattern}` matches no file",
        span=span,
        helps=("patterns are relative to the folder of `mlops.yaml`; `**` stands for any folders",),
    )


@diagnostic("MLO005")
def outside(span: Span, pattern: str) -> Finding:
    """A pattern of `mlops.yaml` leads out of the project.

    What is not in the repository is not pinned by its commit.

    Example:
        pipelines: [../other/pipeline.yaml]

    Fix: move the file into the project.
    """
    return Finding(
        message=f"`{pattern}` leads out of the project", span=span, helps=("move the file into the project",)
    )


@diagnostic("MLO006")
def same_name(span: Span, kind: str, name: str, first: Span) -> Finding:
    """Two documents of one kind have the same name.

    Example:
        two copies of a pipeline.yaml that both say `name: churn`

    Fix: rename one of them.
    """
    return Finding(
        message=f"a second {kind} is called `{name}`",
        span=span,
        related=(Related(first, "the first one"),),
        helps=("rename one of the two",),
    )


@diagnostic("MLO007")
def other_kind(span: Span, kind: str, wanted: str, listed: Span) -> Finding:
    """A file is listed under the wrong heading of `mlops.yaml`.

    Example:
        pipelines: [environments/staging.yaml]

    Fix: list it under the heading of its kind.
    """
    return Finding(
        message=f"this is of kind {kind}, but it is listed where {wanted} files are",
        span=span,
        related=(Related(listed, "listed here"),),
        helps=("list it under the heading of its kind in `mlops.yaml`",),
    )
