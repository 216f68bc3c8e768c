"""How the benchmarks measure: rounds of all contenders in turn, medians, percentiles."""

import asyncio
import statistics
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter


@dataclass(frozen=True)
class Figures:
    """Operations per second and latencies in milliseconds of one run."""

    rate: float
    p50: float
    p99: float


def figures(seconds: float, latencies: list[float]) -> Figures:
    """Return the figures of a run."""
    ordered = sorted(latencies)
    return Figures(
        len(ordered) / seconds,
        ordered[len(ordered) // 2] * 1000,
        ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000,
    )


def median(runs: list[Figures]) -> Figures:
    """Return the median of each figure."""
    return Figures(
        statistics.median(run.rate for run in runs),
        statistics.median(run.p50 for run in runs),
        statistics.median(run.p99 for run in runs),
    )


async def drive(clients: int, each: int, operation: Callable[[int], Awaitable[object]]) -> Figures:
    """Let asyncio clients repeat an operation, each one after the other."""
    latencies: list[float] = []

    async def client(number: int) -> None:
        for _ in range(each):
            began = perf_counter()
            await operation(number)
            latencies.append(perf_counter() - began)

    began = perf_counter()
    await asyncio.gather(*(client(number) for number in range(clients)))
    return figures(perf_counter() - began, latencies)


def drive_threads(clients: int, each: int, operation: Callable[[int], object]) -> Figures:
    """Let threads repeat an operation, each one after the other."""
    latencies: list[float] = []

    def client(number: int) -> None:
        own = []
        for _ in range(each):
            began = perf_counter()
            operation(number)
            own.append(perf_counter() - began)
        latencies.extend(own)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    began = perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return figures(perf_counter() - began, latencies)
