"""Prometheus metrics of the server."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_APPEND_SECONDS: Final = Histogram(
    "redress_append_seconds",
    "Time that one append of the event writer took",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
)
_COMMANDS: Final = Counter("redress_commands_stored", "Commands stored")
_LAG: Final = Gauge("redress_projection_lag_events", "Events not projected yet", ["projection"])


def batch_stored(commands: int, seconds: float) -> None:
    """Count one batch of the event writer."""
    _APPEND_SECONDS.observe(seconds)
    _COMMANDS.inc(commands)


def lags_known(lags: Mapping[str, int]) -> None:
    """Set how far each read model is behind."""
    for projection, events in lags.items():
        _LAG.labels(projection).set(events)
