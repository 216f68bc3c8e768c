"""Load for the kill tests: sends commands over HTTP and keeps a journal. No product code.

load.py FOLDER CLIENTS SEED: reads ``url`` (again after every failure), ``key`` and ``stop`` (ends
when it exists) in the folder and writes ``journal``, one JSON object a line:

sent      before the first attempt of a command
failed    an attempt whose command may or may not have been carried out, and why
acked     the command was acknowledged, with its position
gave_up   the command is not sent again; ``why`` is what its last attempt was told
fault     an answer that no kill excuses
"""

import asyncio
import json
import random
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any, TextIO

import httpx

RETRY_SECONDS = 120.0
EXCUSED = {"UNAVAILABLE", "OUTCOME_UNKNOWN", "NOT_YET_PROJECTED", "READ_UNAVAILABLE"}
AGAIN = {"STILL_RUNNING", "CONCURRENT_CHANGE"}
SHARED_WAYBILLS = 3

REFUSAL = "... on Refusal { code message }"
MUTATION = """
mutation ($input: %s!) {
  it: %s(input: $input) { ... on %s { position %s } %s }
}
"""
FIND = """
query ($outlet: String!) {
  complaints(filter: {outlet: $outlet}, first: 2) { edges { node { id partnerReference } } }
}
"""


def mutation(name: str, payload: str, selection: str = "", given: str = "") -> str:
    given = given or name[0].upper() + name[1:] + "Input"
    return MUTATION % (given, name, payload, selection, REFUSAL)


RECEIVE = mutation("receiveComplaint", "ComplaintPayload")
RECEIVE_AND_READ = mutation("receiveComplaint", "ComplaintPayload", "complaint { id }")
REGISTER = mutation("registerComplaint", "ComplaintPayload", given="ComplaintInput")
ASSIGN = mutation("assignComplaint", "ComplaintPayload", "complaint { state }")
SHIPMENT = mutation("recordShipment", "ShipmentPayload")
MILESTONE = mutation("recordMilestone", "ShipmentPayload")


class Load:
    def __init__(self, folder: Path, journal: TextIO, seed: int) -> None:
        self.folder = folder
        self.journal = journal
        self.seed = seed
        self.key = (folder / "key").read_text().strip()

    @property
    def stopped(self) -> bool:
        return (self.folder / "stop").exists()

    def note(self, what: str, token: str, **more: Any) -> None:
        line = {"what": what, "token": token, "at": time.monotonic(), **more}
        self.journal.write(json.dumps(line) + "\n")
        self.journal.flush()


class Client:
    def __init__(self, load: Load, number: int, http: httpx.AsyncClient) -> None:
        self.load = load
        self.http = http
        self.name = f"T{number}"
        self.random = random.Random(load.seed * 1000 + number)
        self.patient = number % 4 != 3  # the others never send anything twice
        self.reads = number % 2 == 0  # the others go on while the read models stand still

    async def work(self) -> None:
        for n in count():
            if self.load.stopped:
                return
            token = f"{self.name}-{n}"
            await (self.case(token) if n % 3 else self.way(token))

    async def case(self, token: str) -> None:
        in_answer = self.reads and self.random.random() < 0.5
        given = {
            "channel": "PHONE",
            "category": "DELAY",
            "complainant": "王小明",
            "subject": "包裹延误",
            "facts": "三天没有更新",
            "outlet": token,
            "partnerReference": token,
        }
        document = RECEIVE_AND_READ if in_answer else RECEIVE
        answer = await self.command("receive", token, document, given)
        if answer is None or not self.reads:
            return
        if in_answer:
            complaint = answer["complaint"]["id"]
        else:
            complaint = await self.find(token, answer["position"])
        if complaint is None:
            return
        given = {"complaintId": complaint, "reason": f"{token}-R"}
        if await self.command("register", f"{token}-R", REGISTER, given, about=token):
            given = {"complaintId": complaint, "department": "HUB", "reason": f"{token}-A"}
            answer = await self.command("assign", f"{token}-A", ASSIGN, given, about=token)
            if answer is not None and answer["complaint"]["state"] != "ASSIGNED":
                self.load.note("fault", token, why="read before the own write")

    async def way(self, token: str) -> None:
        given = {"waybill": f"KF-{token}-00", "partnerReference": token}
        await self.command("shipment", token, SHIPMENT, given)
        for step in range(3):
            waybill = f"SHARED-{self.random.randrange(SHARED_WAYBILLS)}"
            given = {"waybill": waybill, "kind": "HUB_SCAN", "place": f"{token}-{step}"}
            await self.command("milestone", f"{token}-{step}", MILESTONE, given)

    async def command(
        self, operation: str, token: str, document: str, given: dict[str, Any], about: str = ""
    ) -> dict[str, Any] | None:
        self.load.note("sent", token, operation=operation, about=about or token)
        headers = {"idempotency-key": f"{self.load.seed}-{token}"}
        until = time.monotonic() + RETRY_SECONDS
        while True:
            await asyncio.sleep(self.random.uniform(0.001, 0.02))
            data, why = await self.ask(document, {"input": given}, headers)
            if data is not None:
                if "code" not in data["it"]:
                    self.load.note("acked", token, position=data["it"]["position"])
                    return data["it"]
                why = data["it"]["code"]
            if why not in EXCUSED | AGAIN and not why.startswith("transport"):
                self.load.note("fault", token, why=why)
                return None
            if not self.patient or time.monotonic() > until:
                self.load.note("gave_up", token, why=why)
                await asyncio.sleep(0.1)
                return None
            self.load.note("failed", token, why=why)
            await asyncio.sleep(self.random.uniform(0.02, 0.2))

    async def find(self, token: str, position: int) -> str | None:
        """Read the own write: by position, and by what was sent."""
        until = time.monotonic() + RETRY_SECONDS
        while time.monotonic() < until:
            headers = {"redress-after": str(position)}
            data, why = await self.ask(FIND, {"outlet": token}, headers)
            if data is not None:
                edges = data["complaints"]["edges"]
                if [edge["node"]["partnerReference"] for edge in edges] == [token]:
                    return edges[0]["node"]["id"]
                self.load.note("fault", token, why=f"{len(edges)} complaints after its position")
                return None
            if why not in EXCUSED and not why.startswith("transport"):
                self.load.note("fault", token, why=f"reading: {why}")
                return None
            await asyncio.sleep(self.random.uniform(0.02, 0.2))
        self.load.note("fault", token, why="never to be read")
        return None

    async def ask(
        self, document: str, variables: dict[str, Any], headers: dict[str, str]
    ) -> tuple[dict[str, Any] | None, str]:
        url = (self.load.folder / "url").read_text().strip()
        headers = {"authorization": f"Bearer {self.load.key}", **headers}
        body = {"query": document, "variables": variables}
        try:
            answer = await self.http.post(f"{url}/graphql", json=body, headers=headers)
            told = answer.json()
        except (httpx.TransportError, httpx.InvalidURL) as error:
            return None, f"transport: {type(error).__name__}"
        except ValueError:
            return None, f"status {answer.status_code}: {answer.text[:200]}"
        if told.get("errors"):
            error = told["errors"][0]
            return None, error.get("extensions", {}).get("code") or json.dumps(error)
        if "data" not in told:
            return None, f"status {answer.status_code}: {json.dumps(told)[:200]}"
        return told["data"], ""


async def main(folder: Path, clients: int, seed: int) -> None:
    limits = httpx.Limits(max_connections=clients * 2)
    with (folder / "journal").open("a", encoding="utf-8") as journal:
        load = Load(folder, journal, seed)
        async with httpx.AsyncClient(timeout=20, limits=limits, trust_env=False) as http:
            await asyncio.gather(*(Client(load, n, http).work() for n in range(clients)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
