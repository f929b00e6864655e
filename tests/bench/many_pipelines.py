"""A project of many pipelines of seven stages, as a team that has one for each of its airlines would have it."""

from pathlib import Path

STAGES = 7
PROJECT = """\
apiVersion: mlopsctl.dev/v1
kind: Project
metadata: {name: many}
spec:
  pipelines: [pipelines/*/pipeline.yaml]
  environments: [environments/*.yaml]
"""
ENVIRONMENT = """\
apiVersion: mlopsctl.dev/v1
kind: Environment
metadata: {name: staging}
spec:
  cluster: {context: staging, namespace: many}
  store: s3://ml-artifacts/staging
  gateway: {name: public, namespace: gateways, host: models.staging.example.com}
"""
PIPELINE = """\
apiVersion: mlopsctl.dev/v1
kind: Pipeline
metadata: {name: %(name)s, owner: team-%(team)d}
spec:
  code: {path: ., python: "3.11", requirements: requirements.lock}
  params: {month: 2013-02, trees: %(trees)d}
  schedule: {cron: "%(minute)d %(hour)d 1 * *", timezone: America/New_York}
  stages:
    flights:
      kind: data
      source: s3://data/%(name)s/flights-${params.month}.csv
      contract: {rows: {min: %(rows)d}, columns: {carrier: {type: string}, dep_delay: {type: number, max: 1500}}}
    holdout: {kind: data, source: s3://data/%(name)s/holdout.csv}
    features:
      kind: task
      inputs: {flights: flights}
      outputs: {table: table.csv}
      run: python train.py --features ${inputs.flights} ${outputs.table}
    model:
      kind: train
      inputs: {table: features}
      outputs: {model: model.joblib}
      params: {depth: %(depth)d}
      env: {MLFLOW_TRACKING_URI: "http://mlflow.tracking:5000"}
      run: >-
        python train.py --data ${inputs.table} --trees ${params.trees} --depth ${params.depth} --model ${outputs.model}
      timeout: 10m
      retries: {limit: 2}
      resources: {cpu: 1, memory: %(memory)dGi}
    quality:
      kind: evaluate
      inputs: {model: model, holdout: holdout}
      run: python evaluate.py --model ${inputs.model} --data ${inputs.holdout} --metrics ${outputs.metrics}
      gates:
        - {metric: auc, min: 0.%(auc)d}
        - {metric: auc, against: serving, tolerance: 0.02}
    serve:
      kind: deploy
      model: model
      requires: [quality]
      server: {format: sklearn}
      replicas: {min: 2, max: %(replicas)d}
      resources: {cpu: 1, memory: 1Gi}
      log: {requests: 10%%}
    drift: {kind: monitor, watches: serve, reference: flights, schedule: {cron: "*/30 * * * *"}}
"""
CODE = "print({name!r}, {number})\n"
LOCK = "scikit-learn==1.7.2\nmlserver-sklearn==1.7.1\n"


def write_project(folder: Path, count: int) -> None:
    """Write a project of so many pipelines into a folder; no two of them are alike."""
    (folder / "environments").mkdir(parents=True)
    (folder / "mlops.yaml").write_text(PROJECT, encoding="utf-8")
    (folder / "environments" / "staging.yaml").write_text(ENVIRONMENT, encoding="utf-8")
    for number in range(count):
        name = f"airline-{number:04}"
        place = folder / "pipelines" / name
        place.mkdir(parents=True)
        (place / "pipeline.yaml").write_text(PIPELINE % _values(name, number), encoding="utf-8")
        (place / "requirements.lock").write_text(LOCK, encoding="utf-8")
        for script in ("train", "evaluate"):
            (place / f"{script}.py").write_text(CODE.format(name=script, number=number), encoding="utf-8")


def _values(name: str, number: int) -> dict[str, object]:
    return {
        "name": name,
        "team": number % 40,
        "trees": 100 + number,
        "minute": number % 60,
        "hour": 3 + number // 60 % 21,
        "rows": 20_000 + number,
        "depth": 3 + number % 9,
        "memory": 1 + number % 7,
        "auc": 70 + number % 20,
        "replicas": 3 + number % 5,
    }
