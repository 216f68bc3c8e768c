"""``/health/ready`` tells the truth in time, whatever the database does."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import psutil

Eventually = Callable[..., Any]


def ready(url: str) -> Any:
    answer = httpx.get(f"{url}/health/ready", timeout=20, trust_env=False)
    told = answer.json()
    assert (answer.status_code, told["status"]) in {(200, "ready"), (503, "not ready")}
    return told


async def probes(url: str, count: int) -> list[httpx.Response]:
    async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
        asked = (client.get(f"{url}/health/ready") for _ in range(count))
        return list(await asyncio.gather(*asked))


def test_a_frozen_database_is_not_ready_and_keeps_nobody_waiting(
    deployment: Any, eventually: Eventually
) -> None:
    url = deployment.start()
    eventually(lambda: ready(url)["status"] == "ready", 20)
    postmaster = deployment.postmaster()
    frozen: list[psutil.Process] = [*postmaster.children(recursive=True)]
    for process in frozen:
        process.suspend()
    try:
        time.sleep(0.3)  # what was found before is old then
        for _ in range(2):
            began = time.monotonic()
            answers = asyncio.run(probes(url, 50))
            assert time.monotonic() - began < 5
            assert {answer.status_code for answer in answers} == {503}
            assert answers[0].json()["database"] is False
        live = httpx.get(f"{url}/health/live", timeout=2, trust_env=False)
        assert live.json() == {"status": "live"}
    finally:
        for process in frozen:
            process.resume()
    eventually(lambda: ready(url)["status"] == "ready", 30)
    assert deployment.stop() == 0


def test_a_projector_that_stands_still_shows_in_the_lag(
    deployment: Any, eventually: Eventually
) -> None:
    url = deployment.start()
    eventually(lambda: ready(url)["status"] == "ready", 20)
    child = deployment.child()
    child.suspend()
    try:
        deployment.create_key()  # an event
        told = eventually(lambda: (found := ready(url))["lag_seconds"]["audit"] > 1 and found, 20)
        assert told["lag_events"]["audit"] >= 1
        assert told["lag_events"].keys() == told["lag_seconds"].keys()
    finally:
        child.resume()
    eventually(lambda: ready(url)["lag_events"]["audit"] == 0, 20)
    assert deployment.stop() == 0
