"""Write the schemas of one release into `targets/`: what an object may look like, and nothing else.

    python schemas/strip.py "Argo Workflows 3.7.14" FOLDER
    python schemas/strip.py "Kubernetes 1.34" FOLDER ConfigMap Service

FOLDER holds the definitions of custom resources from the release of a project as YAML; or, for kinds of Kubernetes
itself, which are then named, what a server answers to `kubectl get --raw /openapi/v3/api/v1` and its like as JSON.
"""  # noqa: INP001 - a script beside what it writes

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from mlopsctl.render.stripping import TargetSchema, metadata_of_open_api, of_definition, of_open_api

TARGETS = Path(__file__).parent / "targets"


def main(release: str, folder: Path, kinds: Sequence[str]) -> None:
    """Put the schemas in the place of those that the release had."""
    found = list(_of_kubernetes(release, folder, kinds) if kinds else _of_definitions(release, folder))
    if not found:
        sys.exit(f"{folder} holds no definitions")
    target = TARGETS / release.lower().replace(" ", "-")
    if target.exists():
        shutil.rmtree(target)
    for schema in found:
        path = target / schema.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(schema.to_text(), encoding="utf-8")


def _of_definitions(release: str, folder: Path) -> Iterator[TargetSchema]:
    for path in sorted(folder.glob("*.yaml")):
        for document in yaml.load_all(path.read_text(encoding="utf-8"), yaml.CSafeLoader):
            if document and document.get("kind") == "CustomResourceDefinition":
                yield from of_definition(document, release=release)


def _of_kubernetes(release: str, folder: Path, kinds: Sequence[str]) -> Iterator[TargetSchema]:
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    yield metadata_of_open_api(documents[0], release=release)
    for kind in kinds:
        having = [each for each in documents if _has(each, kind)]
        if len(having) != 1:
            sys.exit(f"{len(having)} documents in {folder} have a kind {kind}")
        yield of_open_api(having[0], kind, release=release)


def _has(document: dict[str, object], kind: str) -> bool:
    try:
        of_open_api(document, kind, release="")
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit(__doc__)
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
