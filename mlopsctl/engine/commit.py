"""The commit that a run is of, as values; who asks git for it is another's business."""

from mlopsctl.frozen import frozen


@frozen
class Commit:
    """The commit that is checked out, and the number of files that differ from it. Empty outside of git.

    `branch` is empty where a commit is checked out that no branch is on, as many CI systems do.
    """

    digest: str
    changed_files: int
    branch: str = ""

    @property
    def short(self) -> str:
        """As people name it."""
        return self.digest[:7]
