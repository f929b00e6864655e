"""What of a server's requests may be kept, as a deploy stage and the contracts of its pipeline say."""

from mlopsctl.frozen import frozen
from mlopsctl.ir.model import DataStage, DeployStage, Pipeline
from mlopsctl.runtime.payload import Columns


@frozen(kw_only=True)
class Keeping:
    """What is kept of a server's requests: a share of them, 0 to 1, and of these not what is `personal`.

    Where anything is, only columns that a contract declares are kept of what is asked: a name that nobody knows, or a
    tensor of many columns, could hold it.
    """

    requests: float = 0.0
    personal: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()

    def inputs(self, columns: Columns) -> Columns:
        """The columns of a request that are kept."""
        return {name: cells for name, cells in columns.items() if not self.personal or name in self._open()}

    def outputs(self, columns: Columns) -> Columns:
        """The columns of an answer that are kept."""
        return {name: cells for name, cells in columns.items() if name not in self.personal}

    def _open(self) -> frozenset[str]:
        return frozenset(self.declared) - frozenset(self.personal)


def keeping_of(pipeline: Pipeline, stage: DeployStage) -> Keeping:
    """What the deploy stage asks for, less what any contract of its pipeline calls personal."""
    if not stage.log_requests:
        return Keeping()
    contracts = (data.contract for data in pipeline.of_kind(DataStage) if data.contract is not None)
    declared = {name for contract in contracts for name in contract.columns} if pipeline.personal else set[str]()
    return Keeping(
        requests=stage.log_requests,
        personal=tuple(sorted(pipeline.personal)),
        declared=tuple(sorted(declared)),
    )
