"""Evaluates."""
