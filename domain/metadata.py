"""Who did something, in which role, why, when, on which rule and through which door."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.labels import Labelled
from domain.roles import PersonId, Role


class SourceKind(Labelled):
    """The door through which a change came in."""

    API = "api", "API", "接口"
    CLI = "cli", "command line", "命令行"
    IMPORT = "import", "import", "导入"
    DEMO = "demo", "demonstration", "演示"
    SYSTEM = "system", "the system itself", "系统"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a change came from; ``historical`` marks facts of the past taken over by an import."""

    kind: SourceKind
    name: str | None = None
    historical: bool = False


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """The version of a policy that a decision used."""

    id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class Metadata:
    """What every event says about itself beside its data (architecture.md 9.3).

    ``occurred_at`` is business time in UTC; the store stamps ``recorded_at`` by itself.
    """

    occurred_at: datetime
    actor: PersonId
    role: Role
    correlation: UUID
    source: Source
    reason: str | None = None
    causation: UUID | None = None
    policy: PolicyVersion | None = None
