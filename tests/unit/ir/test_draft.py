"""What a run puts into a draft is put in as values, and nothing else changes."""

import json

from mlopsctl.ir.draft import MODEL, RELEASE, RUN, Draft, Version, drafted_name

NAME = drafted_name("line")
HEAD = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "line"}}


def version(service: str) -> Version:
    return Version(service=service, model="sha256:77", uri="s3://x", run='"}, {"', release="sha256:ab")


def draft(*backends: str) -> Draft:
    texts = [MODEL, f"of {RUN}", {"deep": [RELEASE, 1, None, True]}]
    service = {"kind": "InferenceService", "metadata": {"name": NAME}, "spec": texts}
    refs = [{"name": name, "port": 80, "weight": 100} for name in backends]
    rules = [{"matches": ["/line"], "backendRefs": refs}, {"filters": []}]
    return Draft(service=service, route={**HEAD, "spec": {"rules": rules}})


def test_a_version_is_put_into_its_places_as_values() -> None:
    made = draft().service_of(version("line-1"))
    assert made["metadata"] == {"name": "line-1"}
    assert made["spec"] == ["sha256:77", 'of "}, {"', {"deep": ["sha256:ab", 1, None, True]}]


def test_the_route_leads_to_each_version_by_its_weight_and_leaves_what_a_patch_has_added() -> None:
    made = draft(f"{NAME}-predictor", "other").route_to({version("line-1"): 90, version("line-2"): 10})
    assert made is not None
    first, second = made["spec"]["rules"]
    assert [(each["name"], each["weight"]) for each in first["backendRefs"]] == [
        ("line-1-predictor", 90),
        ("line-2-predictor", 10),
        ("other", 100),
    ]
    assert first["matches"] == ["/line"]
    assert second == {"filters": []}


def test_without_a_gateway_there_is_no_route() -> None:
    assert Draft(service=draft().service, route=None).route_to({version("line-1"): 100}) is None


def test_a_version_is_named_by_the_digest_of_what_answers() -> None:
    assert draft().service_for("sha256:0123456789ab") == "line-01234567"
    assert json.loads(json.dumps(draft().to_json())) == draft().to_json()
