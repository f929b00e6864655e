"""The texts that users read most, word by word; only times, ids and addresses are blanked."""

import signal

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from tests.scenarios.project import Ended, Project, ended, normalised

PIPELINE = """
    params: {trees: 200, auc: 0.871}
    stages:
      flights:
        kind: data
        source: flights.csv
        contract: {rows: {min: 2}, columns: {delay: {type: number, max: 1500}, carrier: {type: string, in: [AA, UA]}}}
      model:
        kind: train
        code: {include: [train.sh]}
        inputs: {flights: flights}
        outputs: {model: model.txt}
        run: sh train.sh ${params.trees} ${params.auc} ${inputs.flights} > ${outputs.model}
      quality:
        kind: evaluate
        code: {include: [none]}
        inputs: {model: model}
        run: printf '{"auc":%s}' "$(tail -n 1 ${inputs.model})" > ${outputs.metrics}
        gates: [{metric: auc, min: 0.8}, {metric: auc, against: serving, tolerance: 0.01}]
      serve:
        kind: deploy
        code: {include: [none]}
        model: model
        requires: [quality]
        server: {run: "python -m http.server --bind 127.0.0.1 ${port}; true ${inputs.model}", health: /}
    """


class OneText(SingleFileSnapshotExtension):
    """A file of its own for each expected text, so that it reads as it is printed."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"


@pytest.fixture
def text(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(OneText)


@pytest.fixture
def flights(project: Project) -> Project:
    project.write("flights.csv", "delay,carrier\n1,AA\n2,UA\n")
    project.write("train.sh", 'cat "$3"; echo "$1 trees"; echo "$2"\n')
    project.pipeline(PIPELINE)
    return project


def shown(said: Ended, project: Project) -> str:
    return normalised(f"{said.out}\n--- stderr\n{said.err}", project)


def test_a_run_that_passes(flights: Project, text: SnapshotAssertion) -> None:
    assert shown(flights.run("-j", "1"), flights) == text


def test_a_run_from_the_cache(flights: Project, text: SnapshotAssertion) -> None:
    flights.run()
    assert shown(flights.run("-j", "1"), flights) == text


def test_a_gate_that_fails(flights: Project, text: SnapshotAssertion) -> None:
    flights.run()
    assert shown(flights.run("-j", "1", "-p", "auc=0.842", code=5), flights) == text


def test_a_contract_that_is_broken(flights: Project, text: SnapshotAssertion) -> None:
    flights.write("flights.csv", "delay,carrier\n1911,AA\n2,XX\n,UA\n")
    assert shown(flights.run("-j", "1", code=5), flights) == text


def test_a_command_that_fails(flights: Project, text: SnapshotAssertion) -> None:
    flights.run()
    flights.write("train.sh", 'echo "reading $1"; echo "train.sh: no such column: dep_delay" >&2; exit 3\n')
    assert shown(flights.run("-j", "1", code=1), flights) == text


def test_an_endpoint(flights: Project, text: SnapshotAssertion) -> None:
    flights.run()
    process = flights.start("serve")
    assert process.stdout is not None
    first = process.stdout.readline().decode() + process.stdout.readline().decode()
    process.send_signal(signal.SIGINT)
    said = ended(process, 0)
    assert shown(Ended(said.code, first + said.out, said.err), flights) == text


def test_a_run_of_the_past(flights: Project, text: SnapshotAssertion) -> None:
    flights.run()
    flights.run("-p", "auc=0.842", code=5)
    assert normalised(flights.mlopsctl("runs", "show", "latest").out, flights) == text
