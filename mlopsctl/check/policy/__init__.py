"""Policies: rules in CEL over pipelines as they are in an environment."""
