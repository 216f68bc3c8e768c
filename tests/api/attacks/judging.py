"""How the answer to an attack is judged: whatever was sent, nothing of the inside comes back."""

from collections.abc import Iterable
from typing import Any, Final

import orjson

from tests.api.cases import INSIDE

JSON: Final = {"Content-Type": "application/json"}
_MEDIA: Final = frozenset(
    {"application/json", "application/graphql-response+json", "application/problem+json"}
)
LEAKS: Final = (
    *INSIDE,
    *("syntax error at", "invalid input syntax", "LINE 1:", "relation \\", "column \\"),
    *("redress_reader", "redress_owner", "redress.scope", "stored_events", "pg_catalog"),
    *("/tmp/", "/home/", "site-packages", "RecursionError", "TypeError", "KeyError"),  # noqa: S108
    *(" FROM read", "set_config", "asyncio", "starlette", "uvicorn", "0x7f"),
)


def leaks(text: str, foreign: Iterable[str] = ()) -> list[str]:
    """Return what an answer tells that it must not."""
    return [word for word in (*LEAKS, *foreign) if word in text]


def judged(response: Any, foreign: Iterable[str] = ()) -> Any:
    """Return what an answer says, having made sure that it is a proper one."""
    text = response.text
    assert response.status_code < 500, text[:500]
    assert leaks(text, foreign) == [], text[:500]
    media, _, parameters = response.headers["content-type"].partition(";")
    assert media in _MEDIA, media
    assert parameters.strip() in {"", "charset=utf-8"}
    answer = orjson.loads(response.content)
    assert isinstance(answer, dict)
    if media == "application/problem+json":
        assert answer["status"] == response.status_code >= 400
        assert answer["code"]
        assert answer["detail"]
    else:
        assert answer.keys() & {"data", "errors"}
        assert not answer.keys() - {"data", "errors", "extensions"}, answer.keys()
        assert all(error["message"] for error in answer.get("errors", ()))
    return answer


def codes(answer: Any) -> set[str | None]:
    """Return the codes of an answer; None for errors in GraphQL's own words."""
    if "code" in answer:
        return {answer["code"]}
    return {error.get("extensions", {}).get("code") for error in answer.get("errors", ())}
