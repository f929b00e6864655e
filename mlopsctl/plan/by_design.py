"""Fields that others than git set by design, so that nobody is told of them as if somebody had meddled."""

from mlopsctl.frozen import frozen
from mlopsctl.manifest import OVERRIDE_MANAGER, RUN_MANAGER, Key
from mlopsctl.plan.steps import Steps


@frozen(kw_only=True)
class ByDesign:
    """Who may set what below `prefix`. What is empty holds for all: kinds, managers.

    A text at the end of `prefix` that ends in `*` stands for all names that begin so. What `yields` is git's as soon as
    git says it.
    """

    prefix: Steps
    group: str = ""
    kind: str = ""
    managers: frozenset[str] = frozenset()
    yields: bool = False

    def is_of(self, key: Key, manager: str) -> bool:
        """Whether it says anything of this object and this manager."""
        is_kind = not self.kind or (self.group, self.kind) == (key.group, key.kind)
        return is_kind and (not self.managers or manager in self.managers)

    def covers(self, steps: Steps) -> bool:
        """Whether the field is `prefix` or below it."""
        *above, last = self.prefix
        if len(steps) < len(self.prefix) or steps[: len(above)] != tuple(above):
            return False
        found = steps[len(above)]
        if isinstance(last, str) and last.endswith("*"):
            return isinstance(found, str) and found.startswith(last[:-1])
        return found == last


ARGO, KSERVE, GATEWAY = "argoproj.io", "serving.kserve.io", "gateway.networking.k8s.io"
_ANNOTATIONS, _LABELS = ("metadata", "annotations"), ("metadata", "labels")
_PEOPLE = frozenset({OVERRIDE_MANAGER})
_OURS = _PEOPLE | {RUN_MANAGER}
_KUBERNETES = frozenset({"kube-controller-manager", "kube-scheduler", "kubelet", "kube-apiserver"})
# Of a HorizontalPodAutoscaler and of KEDA, which wakes and puts to sleep by itself.
_AUTOSCALERS = frozenset({"kube-controller-manager", "keda", "keda-operator"})

BY_DESIGN: tuple[ByDesign, ...] = (
    # Book-keeping that every object may have.
    ByDesign(prefix=("metadata", "finalizers")),
    ByDesign(prefix=("metadata", "ownerReferences")),
    ByDesign(prefix=(*_ANNOTATIONS, "kubectl.kubernetes.io/last-applied-configuration")),
    # Kubernetes' controllers. `kubectl scale` takes the same way to replicas as an autoscaler, so only names tell.
    ByDesign(prefix=("spec", "replicas"), managers=_AUTOSCALERS),
    ByDesign(prefix=(*_ANNOTATIONS, "deployment.kubernetes.io/*"), managers=_KUBERNETES),
    ByDesign(prefix=(*_ANNOTATIONS, "pv.kubernetes.io/*"), kind="PersistentVolumeClaim"),
    ByDesign(prefix=(*_ANNOTATIONS, "volume.kubernetes.io/*"), kind="PersistentVolumeClaim"),
    ByDesign(prefix=(*_ANNOTATIONS, "volume.beta.kubernetes.io/*"), kind="PersistentVolumeClaim"),
    ByDesign(prefix=("spec", "volumeName"), kind="PersistentVolumeClaim", managers=_KUBERNETES),
    ByDesign(prefix=("secrets",), kind="ServiceAccount", managers=_KUBERNETES),
    # Argo's controller has no subresource for what it keeps of a schedule.
    ByDesign(prefix=(*_ANNOTATIONS, "cronworkflows.argoproj.io/*"), group=ARGO, kind="CronWorkflow"),
    ByDesign(prefix=(*_LABELS, "workflows.argoproj.io/*"), group=ARGO, kind="CronWorkflow"),
    ByDesign(prefix=(*_LABELS, "workflows.argoproj.io/*"), group=ARGO, kind="WorkflowTemplate"),
    # KServe's controller.
    ByDesign(
        prefix=(*_ANNOTATIONS, "serving.kserve.io/*"),
        group=KSERVE,
        kind="InferenceService",
        managers=frozenset({"manager", "kserve-controller-manager"}),
    ),
    # A rollout moves weights, a stop takes them away; both are ours and have records of their own.
    ByDesign(prefix=("spec", "rules"), group=GATEWAY, kind="HTTPRoute", managers=_PEOPLE),
    # Where releases are pinned, git says where requests go; where they were not, runs have said it.
    ByDesign(prefix=("spec", "rules"), group=GATEWAY, kind="HTTPRoute", managers=frozenset({RUN_MANAGER}), yields=True),
    ByDesign(prefix=(*_ANNOTATIONS, "mlopsctl.dev/*"), managers=_OURS),
    ByDesign(prefix=("spec", "suspend"), group=ARGO, kind="CronWorkflow", managers=_OURS),
)
