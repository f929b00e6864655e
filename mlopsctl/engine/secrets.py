"""Where secrets come from on this machine: the environment, or a `.env` that git ignores. Never YAML."""

from collections.abc import Mapping
from pathlib import Path

from mlopsctl.ir.command import variable_name


def secret_values(root: Path, names: tuple[str, ...], environ: Mapping[str, str]) -> dict[str, str | None]:
    """The values of secrets by name, from `MLOPS_SECRET_<NAME>`; None for those that are nowhere."""
    file = read_env_file(root / ".env") if names else {}
    variables = {name: variable_name("secrets", name) for name in names}
    return {name: environ.get(variable, file.get(variable)) for name, variable in variables.items()}


def read_env_file(path: Path) -> dict[str, str]:
    """The `NAME=value` lines of a file; quotes around a value are dropped. Empty if there is no such file."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").split("\n")]
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (line.removeprefix("export ").partition("=") for line in lines if not line.startswith("#"))
    return {name.strip(): _unquoted(value.strip()) for name, separator, value in pairs if separator}


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value
