"""What a partner does with a client that was generated for it; runs where the generator lives.

Is told by stdin, tells what came of it on stdout. The generated package is in the folder that the
first argument names.
"""

import asyncio
import json
import sys
from typing import Any


async def scenario(told: dict[str, Any]) -> dict[str, Any]:
    import redress_client as generated  # noqa: PLC0415  its folder is known by now

    authorization = {"Authorization": f"Bearer {told['key']}"}
    client = generated.Client(
        url=told["url"],
        headers=authorization,
        ws_url=told["streamUrl"],
        ws_connection_init_payload=authorization,
    )
    inputs = [generated.ReceiveComplaintInput(**given) for given in told["inputs"]]
    region, key = told["region"], {"Idempotency-Key": f"{told['region']}-0"}

    async def receive(given: Any, **headers: Any) -> Any:
        sent = {**authorization, **headers}
        answer = await client.receive_complaint(input=given, headers=sent)
        return answer.receive_complaint.model_dump(by_alias=True)

    async def pages() -> list[list[str]]:
        found, after = [], None
        while True:
            asked = await client.complaints_page(region=region, first=2, after=after)
            found.append([edge.node.number for edge in asked.complaints.edges])
            after = asked.complaints.page_info.end_cursor
            if not asked.complaints.page_info.has_next_page:
                return found

    async def errors(order: Any) -> Any:
        try:
            await order
        except generated.GraphQLClientGraphQLMultiError as error:
            return error.errors[0]
        raise AssertionError

    viewer = (await client.viewer()).viewer
    received = [await receive(inputs[0], **key)]
    received += [await receive(given) for given in inputs[1:]]
    case = received[0]["complaint"]["id"]
    stranger = generated.Client(url=told["url"])
    no_key = await errors(stranger.complaints_page(region=region, first=2))
    unknown = await errors(client.complaints_page(region=region, first=-1))
    answers = {
        "viewer": viewer.model_dump(by_alias=True),
        "received": received,
        "again": await receive(inputs[0], **key),
        "invalid": await receive(
            inputs[0].model_copy(update={"subject": ""}), **{"Accept-Language": "zh"}
        ),
        "pages": await pages(),
        "noKey": no_key.extensions["code"],
        "unknownField": unknown.message,
    }
    try:
        answers["reused"] = await receive(inputs[0].model_copy(update={"subject": "另一件"}), **key)
    except generated.GraphQLClientHttpError as error:
        # The generated client raises at every status but 2xx; the refusal is in the answer.
        answers["reused"] = error.response.json()["data"]["receiveComplaint"]
    steps: list[str] = []
    async for step in client.case_changed(case_id=case, after=0):
        steps.append(step.case_changed.topic)
        if len(steps) == 2:  # what had happened, and what happens meanwhile
            break
        await client.withdraw_complaint(input=generated.ComplaintInput(complaintId=case))
    return {**answers, "steps": steps}


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    print(json.dumps(asyncio.run(scenario(json.load(sys.stdin))), default=str))
