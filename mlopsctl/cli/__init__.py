"""Typer commands by group: parse, call, report, exit. No logic lives here."""
