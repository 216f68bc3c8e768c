"""Notices in the API and on the command line, with the real notifier at work."""

import asyncio
import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
import typer
from psycopg.conninfo import conninfo_to_dict
from typer.testing import CliRunner

from api.bootstrap import open_dispatcher
from api.cli.notices import notices
from api.projecting import in_background, sends_notices, ways_out
from api.settings import Settings, SettingsError
from application.dispatch import Call
from application.notices import QueueNotice, RecordNoticeInDoubt
from application.permissions import Caller
from domain.metadata import Source, SourceKind
from domain.notice import NoticeTemplate
from domain.notifying import Language, NoticeChannel
from domain.roles import PersonId, Role

CASE = UUID(int=7)
SYSTEM = Caller("notices", PersonId("notices"), Role.SYSTEM)
NOTICES = """
query ($filter: NoticeFilter, $first: Int, $after: String) {
  notices(filter: $filter, first: $first, after: $after, orderBy: QUEUED_AT_ASC) {
    totalCount
    pageInfo { hasNextPage endCursor }
    edges { node {
      id caseId caseNumber template templateLabel(lang: ZH) channel language state attempts
      stateLabel queuedAt sentAt failedAt problem problemLabel sender reference version
    } }
  }
}
"""
RESOLVE = """
mutation ($input: ResolveNoticeDoubtInput!) {
  resolveNoticeDoubt(input: $input) {
    __typename
    ... on NoticePayload { position notice { id state sentAt } }
    ... on Refusal { code message rule }
  }
}
"""


@contextmanager
def notifier(api: Any, settings: Settings) -> Iterator[None]:
    stop = threading.Event()
    with in_background("notices", api.database, sends_notices(settings), stop.is_set):
        yield


def listed(api: Any, role: str = "front_desk", **given: Any) -> list[dict[str, Any]]:
    found = api.graphql(NOTICES, given, role)["notices"]
    return [edge["node"] for edge in found["edges"]]


def doubted(api: Any) -> None:
    """Put a notice in doubt on record, as the notifier does."""

    async def order() -> None:
        call = Call(caller=SYSTEM, source=Source(SourceKind.SYSTEM, "notices"))
        queue = QueueNotice(
            case=CASE,
            case_number="C-2026-000009",
            occasion="v7",
            template=NoticeTemplate.ANSWERED,
            channel=NoticeChannel.EMAIL,
            language=Language.ZH,
        )
        async with open_dispatcher(
            api.database.conninfo, api.database.master, zone=ZoneInfo("UTC")
        ) as dispatcher:
            notice = (await dispatcher.execute(queue, call)).result
            record = RecordNoticeInDoubt(
                notice=notice, sender="smtp", attempts=1, reference="<1@example.com>"
            )
            await dispatcher.execute(record, call)

    api.run(order())
    api.until(lambda: [n["state"] for n in listed(api)] == ["IN_DOUBT"])


def test_from_a_complaint_to_a_letter_in_the_folder(api: Any, settings: Settings) -> None:
    with notifier(api, settings):
        complaint = api.receive(contact="wang@example.com")
        api.receive(contact=None)
        given = {"filter": {"caseId": complaint["id"]}}
        api.until(lambda: [n["state"] for n in listed(api, **given)] == ["SENT"])

    (notice,) = listed(api, **given)
    (file,) = settings.outbox.iterdir()
    assert file.name == notice["reference"]
    assert "wang@example.com" in file.read_text("utf-8")
    told = {name: notice[name] for name in ("template", "templateLabel", "channel", "language")}
    assert told == {
        "template": "RECEIVED",
        "templateLabel": "受理回执",
        "channel": "EMAIL",
        "language": "ZH",
    }
    assert notice["caseNumber"] == complaint["number"]
    assert notice["caseId"] == complaint["id"]
    assert (notice["sender"], notice["attempts"], notice["version"]) == ("file", 1, 2)
    assert (notice["problem"], notice["failedAt"]) == (None, None)
    (node,) = [api.graphql("query($id: ID!) { node(id: $id) { id } }", {"id": notice["id"]})]
    assert node == {"node": {"id": notice["id"]}}


def test_a_person_settles_a_doubt(api: Any) -> None:
    doubted(api)
    (notice,) = listed(api, filter={"state": "IN_DOUBT"})
    assert (notice["reference"], notice["stateLabel"]) == ("<1@example.com>", "in doubt")
    given = {"input": {"noticeId": notice["id"], "delivered": True, "reason": "server's log"}}
    assert api.graphql(RESOLVE, given, "investigator")["resolveNoticeDoubt"]["code"] == (
        "NOT_PERMITTED"
    )
    answer = api.graphql(RESOLVE, given, "front_desk")["resolveNoticeDoubt"]
    assert answer["notice"]["state"] == "SENT"
    assert answer["notice"]["sentAt"]
    again = api.graphql(RESOLVE, given, "administrator")["resolveNoticeDoubt"]
    assert again["code"] == "WRONG_STATE"


def test_what_was_not_delivered_is_on_its_way_again(api: Any) -> None:
    doubted(api)
    (notice,) = listed(api)
    given = {"input": {"noticeId": notice["id"], "delivered": False}}
    answer = api.graphql(RESOLVE, given)["resolveNoticeDoubt"]
    assert (answer["notice"]["state"], answer["notice"]["sentAt"]) == ("QUEUED", None)


def test_staff_reads_notices_and_nobody_else(api: Any) -> None:
    doubted(api)
    assert len(listed(api, "auditor")) == 1
    for role in ("partner", "customer", "operator"):
        assert api.code(NOTICES, {}, role) == "FORBIDDEN"
    (notice,) = listed(api)
    node = "query($id: ID!) { node(id: $id) { id } }"
    assert api.code(node, {"id": notice["id"]}, "partner") == "FORBIDDEN"


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ({}, 1),
        ({"state": "IN_DOUBT", "channel": "EMAIL", "caseId": str(CASE)}, 1),
        ({"state": "SENT"}, 0),
        ({"channel": "SMS"}, 0),
        ({"caseId": str(UUID(int=8))}, 0),
    ],
)
def test_filters(api: Any, given: dict[str, Any], count: int) -> None:
    doubted(api)
    assert len(listed(api, filter=given)) == count


def test_both_sentences_are_in_the_history(api: Any) -> None:
    doubted(api)
    ((last,),) = api.rows("SELECT max(notification_id) FROM log.stored_events")
    api.graphql("{ viewer { role } }", None, Redress_After=str(last))  # the audit has seen it
    rows = api.rows("SELECT sentence_en, sentence_zh FROM read.case_entries ORDER BY position")
    assert (
        "Notice to the customer queued: answer, by e-mail",
        "客户通知已排队：处理答复（电子邮件）",
    ) in rows
    assert (
        "Notice to the customer handed over, but never confirmed",
        "客户通知已交出但未收到确认",
    ) in rows


def test_the_command_line_counts_and_lists(
    api: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubted(api)
    with psycopg.connect(api.database.conninfo) as connection:
        connection.execute(
            "INSERT INTO process.notices (id, case_id, position, channel, next_attempt_at)"
            " VALUES (%s, %s, 1, 'email', now())",
            [CASE, CASE],
        )
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "master.key").write_text(b64encode(bytes(range(32))).decode())
    place = conninfo_to_dict(api.database.conninfo)
    names = {name: place[name] for name in ("host", "port", "user")}
    url = f"postgresql:///{place['dbname']}?{urlencode(names)}"
    monkeypatch.setenv("REDRESS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("REDRESS_DATABASE_URL", url)
    # In this process it would write where the runner catches, also for every later test.
    monkeypatch.setattr("api.cli.context.configure_logging", lambda _level: None)
    app = typer.Typer()
    app.command()(notices)

    told = CliRunner().invoke(app, ["--json"])
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert found["states"] == {"in_doubt": 1}
    assert [(n["id"], n["attempts"], n["sending"]) for n in found["waiting"]] == [
        (str(CASE), 0, False)
    ]
    shown = CliRunner().invoke(app, []).stdout
    assert "in_doubt   1" in shown
    assert f"{CASE}  email  failed 0  next 20" in shown


# Settings


@pytest.mark.parametrize(
    ("environment", "ways"),
    [
        ({}, [("file", {"email", "sms", "phone"})]),
        (
            {"REDRESS_SMTP_URL": "smtp://mail", "REDRESS_NOTICES_FROM": "care@example.com"},
            [("smtp", {"email"}), ("file", {"sms", "phone"})],
        ),
    ],
)
def test_which_way_notices_leave(
    environment: dict[str, str], ways: list[Any], tmp_path: Path
) -> None:
    settings = Settings.from_env({"REDRESS_DATA_DIR": str(tmp_path), **environment})

    found = [
        (lane.sender.name, {channel.value for channel in lane.channels})
        for lane in ways_out(settings)
    ]
    assert found == ways
    assert settings.outbox == tmp_path / "outbox"


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"REDRESS_SMTP_URL": "smtp://mail"}, "REDRESS_NOTICES_FROM must be set"),
        ({"REDRESS_SMTP_URL": "http://u:secret@mail"}, "REDRESS_SMTP_URL must begin"),
        ({"REDRESS_SMTP_URL": "smtp://u:secret/@mail"}, "REDRESS_SMTP_URL must be"),
        ({"REDRESS_NOTICES_FROM": "x\nBcc: y@example.com"}, "REDRESS_NOTICES_FROM must be"),
    ],
)
def test_settings_that_are_wrong(environment: dict[str, str], name: str) -> None:
    with pytest.raises(SettingsError, match=name) as told:
        Settings.from_env(environment)
    assert "secret" not in str(told.value)


def test_the_thread_of_the_notifier_outlives_a_database_that_is_not_there(tmp_path: Path) -> None:
    from api.database import Database  # noqa: PLC0415
    from application.eventstore.subject_keys import MasterKey  # noqa: PLC0415

    settings = Settings.from_env({"REDRESS_DATA_DIR": str(tmp_path)})
    nowhere = Database(f"host={tmp_path} connect_timeout=1", None, MasterKey(bytes(32)))
    with in_background("notices", nowhere, sends_notices(settings), lambda: False):
        asyncio.run(asyncio.sleep(1.2))
    assert "notices" not in {thread.name for thread in threading.enumerate()}
