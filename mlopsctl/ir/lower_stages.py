"""Lowering stages: one method a kind. The pipeline around them is lowered in `lower`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mlopsctl.diagnostics import Diagnostic
from mlopsctl.ir.lower_parts import (
    read_checkpoint,
    read_contract,
    read_distributed,
    read_each,
    read_gates,
    read_load_test,
    read_params,
    read_reference,
    read_replicas,
    read_resources,
    read_retries,
    read_rollout,
    read_schedule,
    read_tune,
    read_verification,
)
from mlopsctl.ir.model import (
    DataStage,
    DeployStage,
    EvaluateStage,
    MonitorStage,
    Stage,
    TaskStage,
    TrainStage,
)
from mlopsctl.ir.origin import Origin
from mlopsctl.ir.parts import Named, Output, Param, Performance, Server
from mlopsctl.ir.scan import read_scan
from mlopsctl.source.interpolation import Text, read_text
from mlopsctl.source.nodes import Node, ScalarNode, plain

METRICS = "metrics"
PLOTS = "plots"
DATA = "data"
_WITHIN = 7 * 24 * 3600.0  # seconds, in which most outcomes are known


@dataclass(slots=True)
class StageReader:
    """Reads one stage. What is wrong with its references is added to `diagnostics`."""

    name: str
    origin: Origin
    pipeline_params: Mapping[str, Param]
    diagnostics: list[Diagnostic]

    def stage(self) -> Stage:
        """The stage as its kind says."""
        readers: dict[str, Callable[[], Stage]] = {
            "data": self._data,
            "train": self._train,
            "evaluate": self._evaluate,
            "task": self._task,
            "deploy": self._deploy,
            "monitor": self._monitor,
        }
        return readers[self.origin.text("kind") or ""]()

    def _data(self) -> DataStage:
        common = self._common()
        if common["run"] is not None or self.origin.has("source"):
            common["outputs"] = {DATA: self._implicit(DATA, "data"), **common["outputs"]}
        return DataStage(
            **common,
            source=self._text("source"),
            version=self.origin.text("version"),
            contract=read_contract(self.origin),
        )

    def _train(self) -> TrainStage:
        return TrainStage(
            **self._common(),
            tune=read_tune(self.origin),
            distributed=read_distributed(self.origin),
            checkpoint=read_checkpoint(self.origin),
        )

    def _evaluate(self) -> EvaluateStage:
        common = self._common()
        common["outputs"] = {METRICS: self._implicit(METRICS, "metrics.json"), **common["outputs"]}
        common["outputs"].setdefault(PLOTS, self._implicit(PLOTS, PLOTS, optional=True))
        return EvaluateStage(**common, gates=read_gates(self.origin))

    def _task(self) -> TaskStage:
        return TaskStage(**self._common())

    def _deploy(self) -> DeployStage:
        server = self.origin.below("server") or self.origin
        return DeployStage(
            **self._common(),
            model=read_reference(self.origin.text("model") or "", self.origin.value("model")),
            server=Server(
                format=server.text("format"),
                runtime=server.text("runtime"),
                run=self._text("server", "run"),
                health=server.text("health") or ("/healthz" if server.has("run") else None),
                origin=server,
            ),
            replicas=read_replicas(self.origin),
            load_test=read_load_test(self.origin),
            rollout=read_rollout(self.origin),
            fallback=self._text("fallback", "run"),
            log_requests=self.origin.fraction("log", "requests"),
            verify=read_verification(self.origin),
            scan=read_scan(self.origin),
        )

    def _monitor(self) -> MonitorStage:
        reference = self.origin.text("reference")
        return MonitorStage(
            **self._common(),
            watches=Named(self.origin.text("watches") or "", self.origin.value("watches")),
            schedule=read_schedule(self.origin),
            reference=read_reference(reference, self.origin.value("reference")) if reference else None,
            columns=self._names("columns"),
            method=self.origin.text("method") or "psi",
            threshold=0.1 if (threshold := self.origin.number("threshold")) is None else threshold,
            min_samples=self.origin.integer("minSamples", default=500),
            breaches=self.origin.integer("breaches", default=1),
            action=self.origin.text("onDrift", "do") or "alert",
            cooldown=self.origin.seconds("onDrift", "cooldown", default=21600.0)
            if self.origin.has("onDrift")
            else None,
            performance=self._performance(),
        )

    def _performance(self) -> Performance | None:
        below = self.origin.below("performance")
        return (
            None
            if below is None
            else Performance(
                metric=below.text("metric") or "",
                minimum=below.number("min"),
                maximum=below.number("max"),
                truth=self._text("performance", "truth"),
                on=below.text("on") or "",
                outcome=below.text("outcome") or "",
                prediction=below.text("prediction") or "",
                within=below.seconds("within", default=_WITHIN),
                origin=below,
            )
        )

    def _common(self) -> dict[str, Any]:
        """The fields of StageBase."""
        inputs = self.origin.entries("inputs")
        outputs = self.origin.entries("outputs")
        return {
            "name": self.name,
            "origin": self.origin,
            "requires": self._names("requires"),
            "inputs": {key: read_reference(str(plain(node)), node.span) for key, _, node in inputs},
            "outputs": {key: Output(key, str(plain(node)), span) for key, span, node in outputs},
            "params": {**self.pipeline_params, **read_params(self.origin)},
            "run": self._text("run"),
            "code_include": self.origin.texts("code", "include"),
            "env": {key: self._read(node) for key, _, node in self.origin.entries("env")},
            "image": self.origin.text("image"),
            "resources": read_resources(self.origin),
            "retries": read_retries(self.origin),
            "timeout": self.origin.seconds("timeout"),
            "each": {key: read_each(node) for key, _, node in self.origin.entries("each")},
            "pod": self.origin.mapping("pod"),
            "nodes": self.origin.mapping("nodes"),
        }

    def _text(self, *path: str) -> Text | None:
        found = self.origin
        for step in path[:-1]:
            below = found.below(step)
            if below is None:
                return None
            found = below
        node = found.node.get(path[-1])
        return None if node is None else self._read(node)

    def _read(self, node: Node) -> Text:
        if not isinstance(node, ScalarNode):
            return Text((str(plain(node)),), node.span)
        text, wrong = read_text(node)
        self.diagnostics.extend(wrong)
        return text

    def _names(self, key: str) -> tuple[Named, ...]:
        return tuple(Named(str(plain(item)), item.span) for item in self.origin.items(key))

    def _implicit(self, name: str, path: str, *, optional: bool = False) -> Output:
        return Output(name, path, self.origin.name, optional=optional)
