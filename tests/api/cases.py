"""Commands and questions about cases, as a client of the API writes them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

INSIDE: Final = (
    *("psycopg", "Traceback", "File \\", ".py", "SELECT ", "read.complaints", "site-packages"),
    *("read_personal", "UnicodeEncodeError", "DataError", "orjson", "OverflowError", "INTERNAL"),
)
SECRET: Final = "王小明密语13800138000"  # noqa: S105  a person's, not a machine's
NOBODY: Final = "01890000-0000-7000-8000-000000000000"
HTML: Final = "<script>alert('x')</script> & <b>\"东\"</b> ; <img src=x onerror=alert(1)>"
_NO_INPUT_OF_ITS_OWN: Final = {
    **dict.fromkeys(
        (
            *("registerComplaint", "startInvestigation", "agreeResolution", "closeComplaint"),
            *("reopenComplaint", "withdrawComplaint", "seekCompensation"),
        ),
        "ComplaintInput",
    ),
    "cancelImprovement": "ImprovementInput",
}
RESOLUTION: Final = {
    "ruleSource": "LAW",
    "rule": "快递暂行条例第二十七条",
    "measures": ["APOLOGY", "REDELIVERY"],
    "proposal": "致歉并重新派送",
    "feasibility": "明日有车",
}
EVIDENCE: Final = {
    "kind": "PHOTOGRAPH",
    "mediaType": "image/jpeg",
    "size": 5,
    "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",  # of hello
    "reference": "https://photos.example/1",
}
REGISTERED: Final = (("registerComplaint", {}),)
ASSIGNED: Final = (*REGISTERED, ("assignComplaint", {"department": "hub"}))
INVESTIGATING: Final = (*ASSIGNED, ("startInvestigation", {}))
PROPOSED: Final = (*INVESTIGATING, ("proposeResolution", RESOLUTION))
AGREED: Final = (*PROPOSED, ("agreeResolution", {}))
ANSWERED: Final = (*AGREED, ("answerComplaint", {"answer": "已答复"}))
REMEDIED: Final = (*ANSWERED, ("carryOutRemedy", {}))
FOLLOWED_UP: Final = (*REMEDIED, ("followUpComplaint", {"outcome": "SATISFIED"}))
CLOSED: Final = (*FOLLOWED_UP, ("closeComplaint", {}))
FIRST_CONTACT: Final = (("answerComplaint", {"answer": "已答复"}),)
CLOSED_AT_ONCE: Final = (*FIRST_CONTACT, ("closeComplaint", {}))

Steps = Iterable[tuple[str, dict[str, Any]]]


def tell(
    api: Any,
    name: str,
    /,
    role: str | None = "front_desk",
    *,
    language: str = "en",
    shown: str = "",
    **given: Any,
) -> Any:
    """Give a command and return what its mutation answers."""
    payload, noun = "ComplaintPayload", "complaint"
    if name.endswith(("Improvement", "ImprovementProgress")):
        payload, noun = "ImprovementPayload", "improvement"
    wanted = f"{noun} {{ id state {shown} }}"
    if name.endswith("Policy"):
        payload, wanted = "ComplaintPolicyPayload", ""
    kind = _NO_INPUT_OF_ITS_OWN.get(name, name[0].upper() + name[1:] + "Input")
    document = f"""mutation M($input: {kind}!) {{ {name}(input: $input) {{
      __typename ... on {payload} {{ position {wanted} }}
      ... on Refusal {{ code message rule }} ... on InvalidValue {{ field }} }} }}"""
    return api.graphql(document, {"input": given}, role, Accept_Language=language)[name]


def done(api: Any, name: str, /, role: str | None = "front_desk", **given: Any) -> Any:
    """Give a command that is carried out, and return the object as it shows it."""
    answer = tell(api, name, role, **given)
    assert answer["__typename"].endswith("Payload"), (name, answer)
    return answer.get("complaint") or answer.get("improvement")


def taken(api: Any, *steps: Steps, role: str = "front_desk", **intake: Any) -> str:
    """Take in a complaint, lead it along these steps, and return its id."""
    case: str = api.receive(role, **intake)["id"]
    at = intake.get("occurredAt")
    for name, given in (step for several in steps for step in several):
        when = {} if at is None else {"occurredAt": at}
        done(api, name, complaintId=case, **when | given)
    return case


def case_of(api: Any, case: str, fields: str, role: str = "front_desk", **headers: str) -> Any:
    """Ask for fields of a complaint; its variables are its id only."""
    document = f"query C($id: ID!) {{ complaint(id: $id) {{ {fields} }} }}"
    return api.graphql(document, {"id": case}, role, **headers)["complaint"]


def refused(
    api: Any, name: str, /, role: str | None = "front_desk", **given: Any
) -> tuple[str, str | None]:
    """Give a command that is refused in both languages and return its type and its rule.

    It stores nothing, tells the code that belongs to its type, and nothing of inside or persons.
    """
    before = api.events()
    answers = {lang: tell(api, name, role, language=lang, **given) for lang in ("en", "zh")}
    assert api.events() == before
    english, chinese = answers["en"], answers["zh"]
    kind: str = english["__typename"]
    assert not kind.endswith("Payload"), name
    assert english["code"] == "".join(f"_{c}" if c.isupper() else c for c in kind)[1:].upper()
    told = {key: value for key, value in english.items() if key != "message"}
    assert told == {key: value for key, value in chinese.items() if key != "message"}
    assert has_chinese(chinese["message"]), chinese["message"]
    assert not has_chinese(english["message"].replace(str(given.get("person")), ""))
    for answer in answers.values():
        assert [word for word in (*INSIDE, SECRET) if word in str(answer)] == []
    if kind == "InvalidValue":
        assert english["message"].startswith(english["field"])
        return f"{kind} {english['field']}", english["rule"]
    return kind, english["rule"]


def has_chinese(text: str) -> bool:
    return any("\u4e00" <= character <= "\u9fff" for character in text)


def safely(api: Any, *given: Any, **headers: str) -> Any:
    """Send something hostile; whatever comes back tells nothing of the inside or of a person."""
    response = api.post(*given, **headers)
    assert [word for word in (*INSIDE, SECRET) if word in response.text] == []
    assert response.status_code < 500, response.text
    return response.json()


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def ago(**span: float) -> str:
    """Return an instant of the past as the API writes it."""
    return written(datetime.now(UTC) - timedelta(**span))


def written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


COMMANDS: Final[dict[str, dict[str, Any]]] = {
    "registerComplaint": {},
    "declineComplaint": {"explanation": "一项建议"},
    "assignComplaint": {"department": "hub"},
    "startInvestigation": {},
    "recordInvestigation": {"finding": "分拣错误"},
    "proposeResolution": RESOLUTION,
    "agreeResolution": {},
    "rejectResolution": {"objection": "太少"},
    "answerComplaint": {"answer": "已答复"},
    "carryOutRemedy": {"note": "已办"},
    "followUpComplaint": {"outcome": "SATISFIED", "note": "满意"},
    "waitForCustomer": {"asked": "请补充"},
    "resumeComplaint": {},
    "closeComplaint": {},
    "rateHandling": {"score": 4, "comment": "好"},
    "reopenComplaint": {"reason": "复发"},
    "disputeAnswer": {"objection": "不对"},
    "withdrawComplaint": {},
    "mergeComplaint": {"intoId": NOBODY, "reason": "重复"},
    "addEvidence": EVIDENCE | {"note": "照片"},
    "supersedeEvidence": {"number": 1},
    "linkComplaint": {"otherComplaintId": NOBODY},
    "reclassifyComplaint": {"category": "LOSS", "reason": "实为丢失"},
    "reassessSeverity": {"severity": "MAJOR", "reason": "影响大"},
    "markUrgency": {"urgent": True},
    "nameAccused": {"accused": "courier-7"},
    "escalateComplaint": {"to": "m-1", "demandedBy": "MANAGER", "reason": "重大"},
    "giveFeedback": {"feedback": "核查中"},
    "seekCompensation": {},
    "settleChecklistItem": {"item": "verify_facts", "outcome": "DONE"},
    "recordQualityStep": {"step": "ENGINEER_ON_SITE"},
}
"""Every command about a case, with what it needs."""
