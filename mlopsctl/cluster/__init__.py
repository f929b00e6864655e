"""Kubernetes: the one room that speaks with a cluster."""
