"""A stage that runs once for each value of a list, as whoever runs it sees it."""

import json

from tests.scenarios.project import Project

FANNED = """
stages:
  model:
    kind: train
    each: {carrier: [%s]}
    outputs: {model: model.txt, more: more}
    run: |
      echo ${params.carrier} >> $OUTSIDE/ran
      echo "model of ${params.carrier}" > ${outputs.model}
      mkdir ${outputs.more}; echo ${params.carrier} > ${outputs.more}/name
  quality:
    kind: evaluate
    each: {carrier: [%s]}
    inputs: {model: model}
    run: |
      grep -q "model of ${params.carrier}" ${inputs.model}
      printf '{"auc": 0.9}' > ${outputs.metrics}
    gates: [{metric: auc, min: 0.5}]
  all:
    kind: task
    inputs: {models: "model[*]", more: "model[*].more", metrics: "quality[*]"}
    outputs: {list: list.txt}
    run: |
      for folder in ${inputs.models} ${inputs.more} ${inputs.metrics}; do
        (cd "$folder"; find . -type f)
      done > ${outputs.list}
"""


def listed(project: Project) -> list[str]:
    """What the stage `all` found in its folders."""
    latest = json.loads(project.mlopsctl("runs", "show", "latest", "-o", "json").out)
    (stage,) = (one for one in latest["stages"] if one["stage"] == "all")
    digest = stage["outputs"]["list"]["digest"].removeprefix("sha256:")
    blob = project.folder / ".mlops" / "store" / "blobs" / "sha256" / digest[:2] / digest[2:]
    return sorted(blob.read_text().split())


def test_each_value_has_a_result_of_its_own(project: Project) -> None:
    project.pipeline(FANNED % ("AA, UA", "AA, UA"))
    said = project.run("--jobs", "1")
    assert project.ran() == ["AA", "UA"]
    assert "✓ model[AA]" in said.out
    assert "2 parts" in said.out
    assert listed(project) == ["./AA.json", "./AA.txt", "./AA/name", "./UA.json", "./UA.txt", "./UA/name"]

    again = project.run()
    assert "model[AA]" not in again.out
    assert "3 of 3 stages from cache" in again.out

    project.pipeline(FANNED % ("DL, UA, AA", "AA, DL"))
    more = project.run()
    assert project.ran() == ["DL"]
    assert "3 parts, 2 from cache" in more.out
    assert "new metrics and models and more" in more.out
    assert listed(project)[:3] == ["./AA.json", "./AA.txt", "./AA/name"]
    assert project.outcomes() == {
        "model[DL]": "done",
        "model[UA]": "cached",
        "model[AA]": "cached",
        "model": "done",
        "quality[AA]": "cached",
        "quality[DL]": "done",
        "quality": "done",
        "all": "done",
    }

    project.pipeline(FANNED % ("UA, DL, AA", "DL, AA"))
    assert "3 of 3 stages from cache" in project.run().out


MADE = """
stages:
  parts:
    kind: task
    outputs: {note: note.txt, list: list.json}
    run: echo > ${outputs.note}; cp $OUTSIDE/list ${outputs.list}
  model:
    kind: train
    each: {part: parts.list}
    outputs: {model: model.txt}
    run: printf %s "${params.part}" > ${outputs.model}
  all:
    kind: task
    inputs: {models: "model[*]"}
    outputs: {list: list.txt}
    run: (cd ${inputs.models}; find . -type f) > ${outputs.list}
"""


def test_a_list_that_a_stage_makes(project: Project) -> None:
    project.pipeline(MADE)
    values = ["x", "{{workflow.name}}", "a/b", 'say "yes"', "$(id)", 3, 0.5, True, "ü", ".", ".."]
    (project.outside / "list").write_text(json.dumps(values))
    project.run()
    parts = [name for name, outcome in project.outcomes().items() if name.startswith("model[")]
    assert parts == [
        "model[x]",
        "model[%7B%7Bworkflow.name%7D%7D]",
        "model[a%2Fb]",
        "model[say%20%22yes%22]",
        "model[%24%28id%29]",
        "model[3]",
        "model[0.5]",
        "model[true]",
        "model[ü]",
        "model[%2E]",
        "model[%2E.]",
    ]
    assert project.blob_with(b"{{workflow.name}}")
    assert len(listed(project)) == len(values)


def test_an_empty_list_makes_no_parts(project: Project) -> None:
    project.pipeline(MADE)
    (project.outside / "list").write_text("[]")
    assert "no parts: the list is empty" in project.run().out
    assert project.outcomes() == {"parts": "done", "model": "done", "all": "done"}
    assert listed(project) == []


def test_who_makes_an_unusable_list_fails(project: Project) -> None:
    project.pipeline(MADE)
    for text, why in (('{"a": 1}', "it is no list"), ("[1, 1]", "`1` is in it twice"), ("[", "it is no JSON")):
        (project.outside / "list").write_text(text)
        failed = project.run("--force", code=1)
        assert f"error[MLO819]: `model` can't fan out over `parts.list`: {why}" in failed.err
        assert "each: {part: parts.list}" in failed.err
        assert project.outcomes() == {"parts": "failed", "model": "skipped", "all": "skipped"}


def test_all_parts_are_judged_and_nothing_follows_one_that_is_refused(project: Project) -> None:
    project.pipeline("""
        stages:
          quality:
            kind: evaluate
            each: {auc: [0.4, 0.9, 0.3]}
            run: |
              printf '{"auc": %s}' ${params.auc} > ${outputs.metrics}
            gates: [{metric: auc, min: 0.5}]
          after: {kind: task, requires: [quality], run: echo after >> $OUTSIDE/ran}
        """)
    refused = project.run("--jobs", "1", code=5)
    assert "gate of `quality[0.4]` fails" in refused.err
    assert "gate of `quality[0.3]` fails" in refused.err
    assert "3 parts, 2 refused: 0.4 0.3" in refused.out
    assert project.outcomes()["quality"] == "refused"
    assert project.outcomes()["after"] == "skipped"
    assert project.ran() == []


def test_a_part_that_fails_ends_the_run(project: Project) -> None:
    project.pipeline("""
        stages:
          model:
            kind: train
            each: {n: [1, 2, 3]}
            retries: {limit: 1, backoff: 0s}
            outputs: {m: m}
            run: echo ${params.n} >> $OUTSIDE/ran; test ${params.n} -ne 2; echo > ${outputs.m}
        """)
    failed = project.run("--jobs", "1", code=1)
    assert project.ran() == ["1", "2", "2"]
    assert "error[MLO801]: the command of `model[2]` failed" in failed.err
    assert "3 parts, 1 failed: 2, 1 skipped: 3" in failed.out
    assert project.outcomes() == {"model[1]": "done", "model[2]": "failed", "model": "failed"}


def test_only_and_from_name_the_stage(project: Project) -> None:
    project.pipeline(FANNED % ("AA, UA", "AA"))
    project.run("--only", "model", "--jobs", "1")
    assert project.ran() == ["AA", "UA"]
    project.run("--from", "model", "--jobs", "1")
    assert project.ran() == ["AA", "UA"]
