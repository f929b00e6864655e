"""What came of a rollback, for people."""

from mlopsctl.release.rollback import RolledBack
from mlopsctl.report.display import shown
from mlopsctl.report.overrides import resume_command
from mlopsctl.report.wording import short_run


def render_text(found: RolledBack, environment: str) -> str:
    """A few lines: what serves, what doesn't any more, and what brings that back."""
    release, left = found.release, short_run(found.left.run)
    where = f"{shown(release.pipeline)} in {shown(environment)}"
    head = f"{where} serves run {short_run(release.run)} again"
    if found.of_rollout:
        head = f"{where}: the rollout of run {left} is over, and run {short_run(release.run)} gets all requests"
    lines = [f"{head}."]
    if found.stopped:
        lines = [f"{where} is stopped, and stays so: then it serves run {short_run(release.run)} again."]
        lines.append(f"  to let it serve   {resume_command(release.pipeline, environment)}")
    if found.left.run != release.run:
        lines.append(f"  run {left} is rejected, so that no run brings it back")
        lines.append(f"  a mistake?        mlopsctl reject {left} --withdraw --reason TEXT")
    return "\n".join(lines) + "\n"
