"""What a cluster serves is held against what should serve there, by the names that versions have."""

from mlopsctl.cluster.serving_now import differing

DIGEST = "sha256:1f0d9c2e" + 56 * "0"
SINCE = "2026-11-21T10:00:00Z"


def test_what_agrees_is_not_worth_a_word() -> None:
    assert differing({"churn-1f0d9c2e": SINCE}, DIGEST, "git") == ""
    assert differing({}, "", "git") == ""


def test_each_way_to_differ_is_said() -> None:
    assert differing({"churn-00000000": SINCE}, DIGEST, "git").startswith("the cluster serves churn-00000000")
    assert differing({"churn-1f0d9c2e": SINCE}, "", "the store").endswith("which is not what the store says")
    assert differing({}, DIGEST, "git") == "nothing of what git says serves in the cluster"
