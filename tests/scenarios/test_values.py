"""Values on their way to commands: none is harmed, none becomes code, and secrets are kept nowhere."""

import pytest

from tests.scenarios.project import Project

VALUES = {
    "spaces": "two  words ",
    "quotes": 'it\'s a "test"',
    "substitution": "$(touch pwned) `touch pwned` ${HOME} $HOME",
    "statements": "; touch pwned & touch pwned | touch pwned #",
    "newline": "one\ntwo\n",
    "unicode": "é 日本 🛫",
    "glob": "* ? [a] ~ \\",
    "option": "-n --help",
    "interpolation": "${params.value} $${x}",
    "empty": "",
    "no": "no",
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_value_reaches_the_command_as_it_is(project: Project, value: str) -> None:
    project.pipeline(r"""
        params: {value: {type: string, default: x}}
        stages:
          echoed:
            kind: data
            env: {FROM_ENV: "${params.value}"}
            run: |
              printf '%s|' ${params.value} "${params.value}" '${params.value}' > ${outputs.data}
              printf '%s|' "$(printf %s ${params.value})" "$FROM_ENV" "$MLOPS_PARAM_VALUE" >> ${outputs.data}
              cp ${outputs.data} $OUTSIDE/seen
              ls -A > $OUTSIDE/files
        """)
    project.run("-p", f"value={value}")
    expected = "|".join([value, value, value, value.rstrip("\n"), value, value, ""])
    assert (project.outside / "seen").read_text() == expected
    assert (project.outside / "files").read_text() == ""
    assert project.latest()["params"] == {"value": value}


SECRET = "correct-horse-battery-staple"
NEEDS_SECRET = """
    secrets: {warehouse: {secret: warehouse, key: password}}
    stages:
      numbers:
        kind: data
        env: {PASSWORD: "${secrets.warehouse}"}
        run: printf %s "$PASSWORD" > $OUTSIDE/seen; echo 1 > ${outputs.data}
    """


@pytest.mark.parametrize("where", ["environment", "file"])
def test_a_secret_comes_from_here_and_is_kept_nowhere(project: Project, where: str) -> None:
    project.pipeline(NEEDS_SECRET)
    environ = {}
    if where == "environment":
        environ = {"MLOPS_SECRET_WAREHOUSE": SECRET}
    else:
        project.write(".gitignore", ".env\n")
        project.write(".env", f"# secrets\nexport MLOPS_SECRET_WAREHOUSE='{SECRET}'\n")
    said = project.run(environ=environ)
    assert (project.outside / "seen").read_text() == SECRET
    shown = project.mlopsctl("runs", "show", "latest").out
    assert SECRET not in said.out + said.err + shown
    kept = [path for path in (project.folder / ".mlops").rglob("*") if path.is_file()]
    assert [path for path in kept if SECRET.encode() in path.read_bytes()] == []


def test_a_secret_that_is_not_set(project: Project) -> None:
    project.pipeline(NEEDS_SECRET)
    said = project.run(code=1)
    assert "error[MLO807]: `numbers` needs the secret `warehouse`, which is not set here" in said.err
    assert "set MLOPS_SECRET_WAREHOUSE" in said.err
