"""What runs and what doesn't: known by a trace that each command leaves outside of everything mlopsctl keeps."""

from datetime import UTC, datetime

import pytest

from tests.scenarios.project import Project

CHAIN = """
    params: {scale: 2, note: none}
    stages:
      numbers: {kind: data, source: numbers.csv}
      model:
        kind: train
        inputs: {numbers: numbers}
        outputs: {model: model.txt}
        code: {include: [train.sh]}
        run: sh train.sh ${inputs.numbers} ${params.scale} > ${outputs.model}
      quality:
        kind: evaluate
        inputs: {model: model}
        code: {include: [measure.sh]}
        run: sh measure.sh ${params.note} > ${outputs.metrics}
        gates: [{metric: auc, min: 0.8}]
    """


@pytest.fixture
def chain(project: Project) -> Project:
    project.write("numbers.csv", "n\n1\n2\n")
    project.write("train.sh", 'echo model >> "$OUTSIDE/ran"; cat "$1"; echo "$2"\n')
    project.write("measure.sh", 'echo quality >> "$OUTSIDE/ran"; echo \'{"auc": 0.9}\'\n')
    project.pipeline(CHAIN)
    return project


def test_the_second_time_nothing_runs_and_that_is_said(chain: Project) -> None:
    first = chain.run()
    assert chain.ran() == ["model", "quality"]
    assert first.out.count("first run") == 3
    second = chain.run()
    assert chain.ran() == []
    assert second.out.count("cached from 01") == 3
    assert "3 of 3 stages from cache" in second.out
    assert chain.latest()["outcome"] == "cached"


@pytest.mark.parametrize(
    ("arguments", "again", "why"),
    [
        (["-p", "scale=3"], ["model"], "params changed: scale 2 → 3"),
        (["-p", "note=other"], ["quality"], "params changed: note none → other"),
        (["--force"], ["model", "quality"], "asked for"),
        (["--from", "model"], ["model", "quality"], "asked for"),
        (["--from", "quality"], ["quality"], "asked for"),
        (["--only", "model", "--force"], ["model"], "asked for"),
    ],
    ids=" ".join,
)
def test_what_is_asked_for(chain: Project, arguments: list[str], again: list[str], why: str) -> None:
    chain.run()
    chain.ran()
    said = chain.run(*arguments)
    # Another model of another scale is evaluated again: its bytes differ.
    expected = ["model", "quality"] if arguments == ["-p", "scale=3"] else again
    assert chain.ran() == expected
    assert why in said.out


@pytest.mark.parametrize(
    ("file", "old", "new", "again"),
    [
        ("train.sh", 'echo "$2"', 'echo "scaled by $2"', ["model", "quality"]),
        ("train.sh", 'echo "$2"', 'echo "$2" # the same result', ["model"]),
        ("measure.sh", "0.9", "0.91", ["quality"]),
        ("pipeline.yaml", "params:", "# a comment\n  params:", []),
        ("pipeline.yaml", "min: 0.8", "min: 0.85", []),
        ("numbers.csv", "2", "3", ["model", "quality"]),
    ],
    ids=["code", "code-same-result", "other-code", "comment", "gate", "data"],
)
def test_what_a_change_runs_again(chain: Project, file: str, old: str, new: str, again: list[str]) -> None:
    chain.run()
    chain.ran()
    text = (chain.folder / file).read_text()
    assert old in text
    (chain.folder / file).write_text(text.replace(old, new))
    said = chain.run()
    assert chain.ran() == again
    if file.endswith(".sh"):
        assert f"code changed: {file}" in said.out


def test_only_needs_what_comes_before_it(chain: Project) -> None:
    refused = chain.run("--only", "quality", code=1)
    assert "error[MLO816]: `quality` needs `numbers`, which has no result" in refused.err
    assert chain.ran() == []


def test_only_leaves_out_what_comes_after_it(chain: Project) -> None:
    chain.run()
    (chain.folder / "measure.sh").write_text("never asked for")
    chain.ran()
    chain.run("--only", "model", "-p", "scale=5")
    assert chain.ran() == ["model"]
    assert chain.outcomes() == {"numbers": "cached", "model": "done", "quality": "skipped"}


@pytest.mark.parametrize("option", ["--from", "--only"])
def test_a_stage_that_is_not_there(chain: Project, option: str) -> None:
    refused = chain.run(option, "modle", code=1)
    assert f"error[MLO815]: `{option} modle`: there is no such stage" in refused.err
    assert "a stage with a similar name: `model`" in refused.err


def test_params_are_checked_all_at_once(project: Project) -> None:
    project.pipeline("""
        params:
          trees: {type: int, default: 5, min: 1}
          month: {type: string}
        stages:
          numbers: {kind: data, run: "echo ${params.trees} ${params.month} > ${outputs.data}"}
          model:
            kind: train
            inputs: {numbers: numbers}
            outputs: {model: model}
            run: cp ${inputs.numbers} ${outputs.model}
        """)
    refused = project.run("-p", "tres=3", "-p", "trees=many", code=1)
    assert "error[MLO260]: there is no parameter `tres`" in refused.err
    assert "a parameter with a similar name: `trees`" in refused.err
    assert "error[MLO261]: `-p trees=many`: it must be of type int" in refused.err
    assert "error[MLO262]: the parameter `month` has no value" in refused.err
    assert "error[MLO261]: `-p trees=0`: it must be at least 1" in project.run("-p", "trees=0", code=1).err
    assert "is not of the form NAME=VALUE" in project.run("-p", "trees", code=64).err
    assert project.run("-p", "month=2013-02").out.count("✓") == 2


def test_twins_are_one_result(project: Project) -> None:
    project.write("numbers.csv", "n\n1\n")
    twin = "{kind: task, inputs: {numbers: %s}, outputs: {copy: copy}, run: 'cp ${inputs.numbers} ${outputs.copy}'}"
    project.pipeline(f"""
        stages:
          numbers: {{kind: data, source: numbers.csv}}
          same: {{kind: data, source: numbers.csv}}
          one: {twin % "numbers"}
          other: {twin % "same"}
        """)
    for _ in range(2):
        project.run("--force")
        assert set(project.outcomes().values()) == {"done"}
    project.run()
    assert set(project.outcomes().values()) == {"cached"}


def test_run_and_date_are_known_and_only_what_mentions_them_runs_again(project: Project) -> None:
    project.pipeline("""
        stages:
          today:
            kind: data
            run: echo ${run.date} ${environment.name} > ${outputs.data}; cp ${outputs.data} "$OUTSIDE/today"
          stamped:
            kind: task
            inputs: {today: today}
            outputs: {stamp: stamp}
            run: echo "${run.id} $(cat ${inputs.today})" > ${outputs.stamp}; cp ${outputs.stamp} "$OUTSIDE/stamp"
        """)
    for _ in range(2):
        project.run()
        date = datetime.now(UTC).date().isoformat()
        latest = project.latest()
        assert (project.outside / "today").read_text() == f"{date} local\n"
        assert (project.outside / "stamp").read_text() == f"{latest['run']} {date} local\n"
    assert [stage["outcome"] for stage in latest["stages"]] == ["cached", "done"]
    assert latest["stages"][1]["reason"] == "run changed"


def test_data_is_no_code(project: Project) -> None:
    project.write("train.csv", "n\n1\n")
    project.write("holdout.csv", "n\n1\n")
    project.pipeline("""
        stages:
          train: {kind: data, source: train.csv}
          holdout: {kind: data, source: holdout.csv}
          model:
            kind: train
            inputs: {train: train}
            outputs: {model: model.txt}
            run: echo model >> "$OUTSIDE/ran"; cp ${inputs.train} ${outputs.model}
          report:
            kind: task
            inputs: {model: model, holdout: holdout}
            outputs: {report: report.txt}
            run: echo report >> "$OUTSIDE/ran"; cat ${inputs.model} ${inputs.holdout} > ${outputs.report}
        """)
    project.run()
    assert project.ran() == ["model", "report"]
    project.write("holdout.csv", "n\n2\n")
    assert "new holdout" in project.run().out
    assert project.ran() == ["report"]


def test_the_default_output_is_the_first_declared_also_of_a_result_from_the_cache(project: Project) -> None:
    """Records are kept with their names sorted, so that the order in a record says nothing."""
    spec = """
        stages:
          made:
            kind: task
            outputs: {zero: zero.txt, aside: aside.txt}
            run: echo zero > ${outputs.zero}; echo aside > ${outputs.aside}
          reads: {kind: task, inputs: {made: made}, run: "grep zero ${inputs.made}; : WHICH"}
        """
    for which in ("first", "second"):
        project.pipeline(spec.replace("WHICH", which))
        project.run()
    assert project.outcomes() == {"made": "cached", "reads": "done"}
