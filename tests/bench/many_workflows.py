"""Builds and dumps workflows of four steps as a user of Hera writes them, with the environment of the bench's peers.

Usage: python many_workflows.py COUNT
"""

import sys

from hera.workflows import DAG, Artifact, Container, Env, Parameter, Resources, RetryStrategy, WorkflowTemplate


def step(name: str, command: str, *, inputs: tuple[str, ...] = (), outputs: tuple[str, ...] = ()) -> Container:
    """One step, with all that a user says of it."""
    return Container(
        name=name,
        image="registry.example.com/flights:1.4",
        command=["sh", "-c"],
        args=[command],
        inputs=[Parameter(name="month"), *(Artifact(name=each, path=f"/inputs/{each}") for each in inputs)],
        outputs=[Artifact(name=each, path=f"/outputs/{each}") for each in outputs],
        env=[Env(name="MLFLOW_TRACKING_URI", value="http://mlflow.tracking:5000")],
        resources=Resources(cpu_request=1, cpu_limit=1, memory_request="1Gi", memory_limit="1Gi"),
        retry_strategy=RetryStrategy(limit=2, retry_policy="OnError"),
        active_deadline_seconds=600,
    )


def text_of(number: int) -> str:
    """One workflow as YAML."""
    name = f"airline-{number:04}"
    with WorkflowTemplate(
        name=name,
        namespace="many",
        entrypoint="pipeline",
        arguments=[Parameter(name="month", value="2013-02")],
        service_account_name=name,
        labels={"owner": f"team-{number % 40}"},
    ) as workflow:
        features = step("features", "python train.py --features", outputs=("table",))
        model = step("model", f"python train.py --trees {100 + number}", inputs=("table",), outputs=("model",))
        quality = step("quality", "python evaluate.py", inputs=("model",), outputs=("metrics",))
        serve = step("serve", "python serve.py", inputs=("model", "metrics"))
        with DAG(name="pipeline"):
            month = Parameter(name="month", value="{{workflow.parameters.month}}")
            first = features(name="features", arguments=[month])
            table = first.get_artifact("table").with_name("table")
            second = model(name="model", arguments=[month, table])
            trained = second.get_artifact("model").with_name("model")
            third = quality(name="quality", arguments=[month, trained])
            metrics = third.get_artifact("metrics").with_name("metrics")
            fourth = serve(name="serve", arguments=[month, trained, metrics])
            first >> second >> third >> fourth
    return workflow.to_yaml()


for count in range(int(sys.argv[1])):
    sys.stdout.write(text_of(count))
