"""Which stages will run again because of a change, and how that is said."""

from pathlib import Path

import pytest

from mlopsctl.ir.code import CodeTree
from mlopsctl.ir.contract import Contract, read_contract, write_contract
from mlopsctl.plan.model import NEVER, Effect, StageChange
from mlopsctl.plan.stages import stage_changes
from tests.unit.ir.documents import lowered

TEXT = """
apiVersion: mlopsctl.dev/v1
kind: Pipeline
metadata: {name: churn, owner: ann}
spec:
  params: {trees: 200, unused: 1}
  stages:
    rows: {kind: data, source: rows.csv, contract: {rows: {min: 10}}}
    model:
      kind: train
      inputs: {rows: rows}
      outputs: {model: model.bin}
      run: "train ${inputs.rows} ${params.trees} ${outputs.model}"
      timeout: 2h
    quality:
      kind: evaluate
      inputs: {model: model, rows: rows}
      run: "measure ${inputs.model} ${inputs.rows} ${outputs.metrics}"
      gates: [{metric: auc, min: 0.8}]
    serve: {kind: deploy, model: model, requires: [quality], server: {format: sklearn}, replicas: {min: 1, max: 2}}
    drift: {kind: monitor, watches: serve, schedule: {cron: "0 * * * *"}, reference: rows,
      columns: [a], method: psi, threshold: 0.1}
"""
CODE = {"train.py": "sha256:1", "measure.py": "sha256:2"}


def contract(*changes: tuple[str, str], requirements: str = "sha256:r", image: str = "", **code: str) -> Contract:
    """The pipeline with some of its text replaced, pinned to this code."""
    text = TEXT
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    marks = CODE | {f"{name}.py": digest for name, digest in code.items()}
    tree = CodeTree({name: Path(name) for name in marks}, marks)
    return read_contract(write_contract(lowered(text.lstrip()), tree, requirements, image=image), "staging")


def changed(after: Contract, before: Contract | None) -> dict[str, tuple[Effect, str]]:
    return {found.stage: (found.effect, found.reason) for found in stage_changes(before, after, {})}


def test_nothing_runs_again_where_nothing_changed() -> None:
    assert changed(contract(), contract()) == {}
    assert changed(contract(("owner: ann", "owner: ben")), contract()) == {}


def test_the_image_of_an_environment_is_that_of_stages_that_name_none() -> None:
    found = changed(contract(image="cuda:13"), contract(image="cuda:12"))
    assert found["model"] == (Effect.TRAINING, "image changed")
    assert found["quality"] == (Effect.EVALUATION, "image changed")
    own = ("kind: train", "kind: train\n      image: own:1")
    assert "model" not in changed(contract(own, image="cuda:13"), contract(own, image="cuda:12"))


def test_a_new_pipeline_has_run_nowhere() -> None:
    found = changed(contract(), None)
    assert list(found) == ["rows", "model", "quality", "serve", "drift"]
    reasons = {name: reason for name, (_, reason) in found.items()}
    assert reasons.pop("drift") == "it runs on a schedule of its own"
    assert set(reasons.values()) == {NEVER}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "trees: 200",
            "trees: 400",
            {
                "model": (Effect.TRAINING, "params changed: trees 200 → 400"),
                "quality": (Effect.EVALUATION, "what it reads is made anew: model"),
                "serve": (Effect.SERVING, "what it reads is made anew: model"),
            },
        ),
        ("unused: 1", "unused: 2", {}),
        ("min: 0.8", "min: 0.9", {"quality": (Effect.EVALUATION, "gates changed")}),
        ("timeout: 2h", "timeout: 3h", {"model": (Effect.COSMETIC, "timeout changed, from the next run on")}),
        ("max: 2", "max: 4", {"serve": (Effect.SERVING, "replicas changed")}),
        ("max: 2}", "max: 2}, fallback: {run: naive}", {}),  # which is there as soon as it is applied
        ("0 * * * *", "0 1 * * *", {"drift": (Effect.COSMETIC, "schedule changed")}),
    ],
    ids=["param", "unused-param", "gate", "timeout", "replicas", "fallback", "monitor"],
)
def test_a_change_says_what_it_makes_run(old: str, new: str, expected: dict[str, tuple[Effect, str]]) -> None:
    assert changed(contract((old, new)), contract()) == expected


def test_other_data_trains_everything_below_again() -> None:
    found = changed(contract(("rows.csv", "more.csv")), contract())
    assert [name for name, (effect, _) in found.items() if effect is Effect.TRAINING] == ["rows", "model"]
    assert found["rows"][1] == "data changed"
    assert "drift" not in found


def test_other_code_counts_for_the_stages_that_run_it() -> None:
    found = changed(contract(train="sha256:3"), contract())
    assert found["model"] == (Effect.TRAINING, "code changed")
    assert found["quality"] == (Effect.EVALUATION, "code changed")
    assert "rows" not in found


def test_a_new_stage_and_one_of_another_kind_are_new() -> None:
    found = changed(contract(), contract(("    model:\n      kind: train", "    model:\n      kind: task")))
    assert found["model"] == (Effect.TRAINING, "a new stage")


def test_both_values_of_what_moved_are_kept_with_how_long_it_took() -> None:
    found = stage_changes(contract(), contract(("trees: 200", "trees: 400")), {"model": 221.0})
    model = next(change for change in found if change.stage == "model")
    assert isinstance(model, StageChange)
    assert (model.moved, model.before, model.after) == (
        ("params",),
        {"params": {"trees": 200}},
        {"params": {"trees": 400}},
    )
    assert model.last == 221.0
    assert found[-1].last is None


def fanned(*countries: str, run: str = "train") -> Contract:
    """A stage that fans out over countries, one that reads all of its parts, and one that reads its own."""
    over = f"{{country: [{', '.join(countries)}]}}"
    text = f"""
apiVersion: mlopsctl.dev/v1
kind: Pipeline
metadata: {{name: fanned}}
spec:
  stages:
    model: {{kind: train, each: {over}, outputs: {{model: m}}, run: "{run} ${{params.country}}"}}
    paired: {{kind: task, each: {{country: [de]}}, inputs: {{model: model}}, run: "true"}}
    all: {{kind: task, inputs: {{models: "model[*]"}}, run: "true"}}
"""
    return read_contract(write_contract(lowered(text.lstrip()), CodeTree({}, {}), ""), "staging")


def test_one_value_more_runs_one_part_and_what_reads_them_all() -> None:
    assert changed(fanned("fr", "de", "it"), fanned("de", "fr")) == {
        "model": (Effect.TRAINING, "1 part more: it"),
        "all": (Effect.TRAINING, "what it reads has other parts: model"),
    }
    assert changed(fanned("de"), fanned("de", "fr")) == {
        "model": (Effect.COSMETIC, "no longer: fr"),
        "all": (Effect.TRAINING, "what it reads has other parts: model"),
    }


def test_what_all_parts_have_runs_all_of_them_again() -> None:
    assert list(changed(fanned("de", "fr", run="learn"), fanned("de", "fr"))) == ["model", "paired", "all"]
    assert changed(fanned("de", run="learn"), fanned("de"))["model"] == (Effect.TRAINING, "command changed")
