"""Open the subscription that projects events into one build of a read model."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from application.engine.builds import open_build
from application.engine.projector import Projector
from application.engine.query_service import QueryService
from application.engine.rows import Keyed
from application.engine.subscription import Subscription
from application.ports.codec import EventCodec, Wire
from application.ports.history import History
from application.ports.parked import ParkedEvents
from application.ports.read_models import ReadModels
from application.ports.telemetry import NO_TELEMETRY, Telemetry


@dataclass(frozen=True, slots=True, kw_only=True)
class Projections:
    """The read models, and what is needed to project events into them.

    ``keyed`` derives ids with a key of the instance.
    """

    models: ReadModels
    history: History
    codec: EventCodec
    wire: Wire
    parked: ParkedEvents
    keyed: Keyed
    telemetry: Telemetry = NO_TELEMETRY
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def open(self, service: QueryService[Any], build: int) -> Subscription:
        """Return the subscription of a build."""
        model = open_build(service, self.models, build)
        projector = Projector(
            service,
            model,
            self.codec,
            self.history,
            build,
            telemetry=self.telemetry,
            keyed=self.keyed,
        )
        return Subscription(projector, self.history, self.wire, self.parked, now=self.now)
