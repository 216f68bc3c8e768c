"""Commands and questions about appeals, as a client of the API writes them."""

import asyncio
from itertools import count
from typing import Any, Final

from api.bootstrap import open_dispatcher
from application.api_keys import IssueApiKey, make_key
from domain.organisation import UnitKey
from domain.roles import PersonId, Role
from tests.api.cases import INSIDE, SECRET, has_chinese
from tests.api.conftest import OPERATOR, ZONE

HEAD: Final = "department_head"
FOUND: Final = {"valid": True, "finding": "确未投递"}
NOT_FOUND: Final = {"valid": False, "finding": "已按期投递"}
DETERMINED: Final = {"liability": "COMPANY", "ruleSource": "LAW", "rule": "art. 28"}
SETTLED: Final = {"measures": ["APOLOGY", "REDELIVERY"], "note": "已致歉"}
ANSWER: Final = {"answer": "已处理并答复"}
COMMANDS: Final[dict[str, dict[str, Any]]] = {
    "recordAppealFinding": FOUND,
    "determineAppealLiability": DETERMINED,
    "settleAppeal": SETTLED,
    "answerAppeal": ANSWER,
    "withdrawAppeal": {},
}
"""Every command about an appeal, with what it needs, in the order of its life."""
VALID: Final = [("recordAppealFinding", FOUND), ("determineAppealLiability", DETERMINED)]
ANSWERED: Final = [*VALID, ("settleAppeal", SETTLED), ("answerAppeal", ANSWER)]
REJECTED: Final = [("recordAppealFinding", NOT_FOUND), ("answerAppeal", ANSWER)]

_references = count(1)


def appeal_input(case: str, **given: Any) -> dict[str, Any]:
    """Return a receipt under a reference of its own."""
    return {
        "complaintId": case,
        "authority": "HOTLINE_12305",
        "reference": f"SS-{next(_references)}",
        "cause": "LOSS",
        "facts": "快件丢失，企业未答复",
    } | given


def received(api: Any, case: str, role: str = "front_desk", **given: Any) -> str:
    """Take in an appeal and return its id."""
    return done(api, "receiveAppeal", role, **appeal_input(case, **given))


def done(api: Any, name: str, /, role: str = HEAD, **given: Any) -> str:
    """Give a command that is carried out, and return the id of the appeal."""
    answer = api.command(name, given, role)
    assert answer["__typename"] == "AppealPayload", (name, answer)
    key: str = answer["appeal"]["id"]
    return key


def led(api: Any, appeal: str, steps: Any, **given: Any) -> str:
    """Lead an appeal along these steps."""
    for name, said in steps:
        done(api, name, appealId=appeal, **said, **given)
    return appeal


def appeal_of(api: Any, appeal: str, fields: str, role: str = "front_desk") -> Any:
    """Ask for fields of an appeal."""
    document = f"query A($id: ID!) {{ appeal(id: $id) {{ {fields} }} }}"
    return api.graphql(document, {"id": appeal}, role)["appeal"]


def refused(api: Any, name: str, /, role: str = HEAD, **given: Any) -> tuple[str, str | None]:
    """Give a command that is refused in both languages and return its type and its rule.

    It stores nothing and tells nothing of the inside or of persons.
    """
    before = api.events()
    english, chinese = (
        api.command(name, given, role, Accept_Language=language) for language in ("en", "zh")
    )
    assert api.events() == before
    assert "code" in english, (name, english)
    assert english | {"message": ""} == chinese | {"message": ""}
    assert has_chinese(chinese["message"])
    assert not has_chinese(english["message"])
    assert [word for word in (*INSIDE, SECRET) if word in f"{english}{chinese}"] == []
    kind: str = english["__typename"]
    if kind == "InvalidValue":
        return f"{kind} {english['field']}", english["rule"]
    return kind, english["rule"]


def issue(api: Any, **keys: tuple[Role, tuple[UnitKey, ...]]) -> None:
    """Issue keys for units; the holder is called like the key."""

    async def issued() -> None:
        database = api.database
        async with open_dispatcher(database.conninfo, database.master, zone=ZONE) as dispatcher:
            made = {name: make_key() for name in keys}
            orders = [
                IssueApiKey(
                    prefix=made[name].prefix,
                    digest=made[name].digest,
                    role=role,
                    holder=PersonId(name),
                    units=units,
                )
                for name, (role, units) in keys.items()
            ]
            await asyncio.gather(*(dispatcher.execute(order, OPERATOR) for order in orders))
            api.keys |= {name: key.secret for name, key in made.items()}

    api.run(issued())
