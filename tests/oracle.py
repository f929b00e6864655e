"""A second opinion on objects of Argo Workflows: the typed models in its Python SDK, of release 3.7."""

from collections.abc import Iterator
from typing import Any

from argo_workflows.configuration import Configuration
from argo_workflows.exceptions import ApiAttributeError, ApiTypeError, ApiValueError
from argo_workflows.model.io_argoproj_workflow_v1alpha1_cron_workflow import IoArgoprojWorkflowV1alpha1CronWorkflow
from argo_workflows.model.io_argoproj_workflow_v1alpha1_workflow import IoArgoprojWorkflowV1alpha1Workflow
from argo_workflows.model.io_argoproj_workflow_v1alpha1_workflow_template import (
    IoArgoprojWorkflowV1alpha1WorkflowTemplate,
)
from argo_workflows.model_utils import OpenApiModel

_MODELS = {
    "CronWorkflow": IoArgoprojWorkflowV1alpha1CronWorkflow,
    "Workflow": IoArgoprojWorkflowV1alpha1Workflow,
    "WorkflowTemplate": IoArgoprojWorkflowV1alpha1WorkflowTemplate,
}
# What may be an integer or a string is a string to the SDK.
_EITHER = {"count", "end", "factor", "limit", "maxUnavailable", "minAvailable", "port", "start"}
_EITHER_IN = {"limits", "requests"}
# And an item, which may be anything, is an object to it.
_OBJECTS: list[dict[str, str]] = [{}]


def typed_opinion(document: dict[str, Any]) -> list[str]:
    """What the SDK has against an object, each with its path: the first wrong type, and all unknown fields.

    Raises KeyError for a kind that the SDK has no model of.
    """
    model = _MODELS[document["kind"]]
    try:
        typed = model._from_openapi_data(
            **_as_it_wants(document), _spec_property_naming=True, _check_type=True, _configuration=Configuration()
        )
    except (ApiAttributeError, ApiTypeError, ApiValueError, TypeError) as error:  # the last where a field is missing
        return [str(error)]
    return list(_unknown(typed, ()))


def _as_it_wants(value: Any, above: tuple[str, ...] = ()) -> Any:
    if isinstance(value, dict):
        fitting = {**value, "withItems": _OBJECTS} if "withItems" in value else value
        return {key: _as_it_wants(part, (*above, key)) for key, part in fitting.items()}
    if isinstance(value, list):
        return [_as_it_wants(part, above) for part in value]
    is_either = _EITHER & set(above[-1:]) or _EITHER_IN & set(above[-2:-1])
    is_template = "templates" in above and above[-1:] == ("activeDeadlineSeconds",)  # a workflow's own is an integer
    return str(value) if (is_either or is_template) and type(value) is int else value


def _unknown(value: Any, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, OpenApiModel):
        fields = value._data_store
        for name in fields.keys() - value.openapi_types.keys():
            yield f"{'.'.join(path)}: {name} is not a field of {type(value).__name__}"
        for name in fields.keys() & value.openapi_types.keys():
            yield from _unknown(fields[name], (*path, name))
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _unknown(part, (*path, name))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _unknown(part, (*path, str(index)))
