"""The life cycle that people read is the one that the code follows.

After a change that is wanted: REDRESS_WRITE_DOCS=1 pytest tests/domain/test_complaint_life_doc.py
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from domain.complaint_life import ALLOWED_IN, ComplaintState, LifeCycleRule, refusing_rule
from domain.complaint_policy import DEFAULT_TERMS
from tests.domain.complaint_steps import tried_everywhere

PAGE: Final = Path(__file__).parents[2] / "docs" / "complaint-life.md"
REWRITE: Final = (
    "if the change is wanted: REDRESS_WRITE_DOCS=1 pytest tests/domain/test_complaint_life_doc.py"
)
COMMANDS: Final = {
    "receive": ("receive", "接收"),
    "register": ("register", "立案"),
    "decline": ("decline", "不予立案"),
    "assign": ("assign", "分派"),
    "start_investigation": ("start the investigation", "开始调查"),
    "record_investigation": ("record a finding", "记录调查情况"),
    "propose_resolution": ("propose a resolution", "提出方案"),
    "agree_resolution": ("agree to the resolution", "同意方案"),
    "reject_resolution": ("reject the resolution", "拒绝方案"),
    "answer": ("answer", "答复"),
    "carry_out_remedy": ("carry out the remedy", "落实措施"),
    "follow_up": ("follow up", "回访"),
    "close": ("close", "结案"),
    "rate": ("rate the handling", "评价处理"),
    "reopen": ("reopen", "重新开启"),
    "dispute": ("dispute the answer", "对答复提出异议"),
    "wait_for_customer": ("wait for the customer", "等待客户"),
    "resume": ("resume", "恢复办理"),
    "withdraw": ("withdraw", "撤回"),
    "merge": ("merge into another complaint", "并入其他投诉"),
    "absorb": ("take in a duplicate", "接收重复投诉"),
    "add_evidence": ("add evidence", "添加证据"),
    "supersede_evidence": ("supersede evidence", "标记证据已被取代"),
    "link": ("link", "关联"),
    "reclassify": ("reclassify", "重新分类"),
    "reassess_severity": ("reassess the severity", "重新评定严重程度"),
    "mark_urgency": ("mark as urgent or not", "标记或取消加急"),
    "name_accused": ("name the person complained about", "指明被投诉人"),
    "escalate": ("escalate", "升级"),
    "give_feedback": ("give feedback", "反馈进展"),
    "seek_compensation": ("seek compensation", "提出赔偿诉求"),
    "settle_checklist_item": ("settle an item of the checklist", "办理清单事项"),
    "record_quality_step": ("record a quality step", "记录质量处理步骤"),
    "raise_improvement": ("raise an improvement action", "提出改进措施"),
}
INTRODUCTION: Final = """\
# The life of a complaint 投诉的生命周期

Generated from `domain/complaint_life.py`, `domain/complaint_policy.py` and from what the aggregate
does; `REDRESS_WRITE_DOCS=1 pytest tests/domain/test_complaint_life_doc.py` writes it anew.

A complaint is received, screened, handed to the responsible department, investigated; a resolution
is proposed, agreed with the customer and told; the remedy is carried out and followed up; then the
case is closed, and the customer rates how it was handled. Enquiries, and what can be settled at
once, are answered at first contact. Every command in every state is either allowed or refused by a
rule that has a name.

投诉经接收、审核立案后分派至责任部门调查；提出处理方案，与客户商定并答复；落实措施、回访后结案，
由客户对处理情况进行评价。咨询以及可当场解决的事项在首次联系时即予答复。任一状态下的任一命令，
要么允许执行，要么依具名规则予以拒绝。
"""
OF_THE_TABLE: Final = """\
✓ is allowed, unless a rule of the case itself refuses it (the customer has not agreed yet, say);
every other cell names the rule that refuses.

✓表示允许执行，但案件自身规则另有限制的除外（例如客户尚未同意方案）；其余各格为拒绝所依规则。
"""
OF_THE_LIMITS: Final = """\
As shipped; a company adopts its own. A closed case is reopened within {days} days; the customer of
an open case hears of it every {notices} working days.

以下为出厂设定，各企业可另行制定。结案后{days}天内可重新开启；案件未结期间，
每{notices}个工作日告知客户一次进展。
"""

Arrow = tuple[str, str, str]


def names(value: ComplaintState | LifeCycleRule) -> str:
    return f"{value.en} {value.zh}"


def arrows() -> set[Arrow]:
    """Return from where to where the commands lead, as carried out after every history."""
    return {
        (tried.state.value, tried.command, tried.next_state.value)
        for tried in tried_everywhere()
        if tried.next_state not in {None, tried.state}
    }


def ordered(states: set[str]) -> list[ComplaintState]:
    return [state for state in ComplaintState if state in states]


def groups(found: set[Arrow]) -> dict[str, set[str]]:
    """Return the states that share their arrows, so that one arrow stands for all of them."""
    return {
        "open": {state for state, command, _ in found if command == "withdraw"},
        "moving": {state for state, command, _ in found if command == "wait_for_customer"},
    }


def drawn(found: set[Arrow]) -> list[Arrow]:
    """Return the arrows of the diagram, in the order of states and commands."""
    left, shared = set(found), set()
    for group, members in groups(found).items():
        for one, command, other in found:
            for arrow, all_of_them in (
                ((group, command, other), {(member, command, other) for member in members}),
                ((one, command, group), {(one, command, member) for member in members}),
            ):
                if all_of_them <= left:
                    left -= all_of_them
                    shared.add(arrow)
    places, commands = [*ComplaintState, *groups(found)], list(COMMANDS)
    return sorted(left | shared, key=lambda a: (places.index(a[0]), commands.index(a[1]), a[2]))


def diagram() -> Iterator[str]:
    found = arrows()
    blank = ComplaintState.BLANK.value
    left_again = {state for state, _, _ in found}
    yield "```mermaid"
    yield "stateDiagram-v2"
    for state in ComplaintState:
        if state != blank:
            yield f'    state "{names(state)}" as {state}'
    yield '    state "any open step 任一未结步骤" as open'
    yield '    state "any step in work 任一办理中步骤" as moving'
    for source, command, target in drawn(found):
        begin = "[*]" if source == blank else source
        yield f"    {begin} --> {target}: {' '.join(COMMANDS[command])}"
    for state in ComplaintState:
        if state not in left_again:
            yield f"    {state} --> [*]"
    yield "```"
    yield ""
    for name, title in (
        ("open", "*Any open step 任一未结步骤*"),
        ("moving", "*Any step in work 任一办理中步骤*"),
    ):
        members = ", ".join(names(state) for state in ordered(groups(found)[name]))
        yield f"{title}: {members}."
        yield ""


def table() -> Iterator[str]:
    yield OF_THE_TABLE
    heads = [f"{state.en}<br>{state.zh}" for state in ComplaintState]
    yield row("command 命令", *heads)
    yield row(*["---"] * (len(heads) + 1))
    for command, (en, zh) in COMMANDS.items():
        rules = (refusing_rule(command, state) for state in ComplaintState)
        yield row(f"{en}<br>{zh}", *["✓" if rule is None else rule.value for rule in rules])


def rules() -> Iterator[str]:
    yield row("rule 规则", "English", "中文")
    yield row("---", "---", "---")
    for rule in LifeCycleRule:
        yield row(f"`{rule.value}`", rule.en, rule.zh)


def limits() -> Iterator[str]:
    days, notices = DEFAULT_TERMS.reopen_days, DEFAULT_TERMS.notice_working_days
    yield OF_THE_LIMITS.format(days=days, notices=notices)
    yield row("step 步骤", "responsible role 责任角色", "time limit 时限")
    yield row("---", "---", "---")
    for state in ComplaintState:
        limit = DEFAULT_TERMS.step(state)
        if limit is not None:
            owner = f"{limit.owner.en} {limit.owner.zh}"
            yield row(names(state), owner, f"{limit.hours} h, {limit.hours}小时")


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def page() -> str:
    sections = {
        "Diagram 流程图": diagram(),
        "Commands and states 命令与状态": table(),
        "Rules 规则": rules(),
        "Owners and limits 责任角色与时限": limits(),
    }
    parts = [f"## {title}\n\n" + "\n".join(lines).strip() for title, lines in sections.items()]
    return "\n\n".join([INTRODUCTION.strip(), *parts]) + "\n"


def test_the_page_of_the_life_cycle_is_what_the_code_follows() -> None:
    if os.environ.get("REDRESS_WRITE_DOCS"):
        PAGE.write_text(page(), "utf-8")

    assert PAGE.read_text("utf-8") == page(), REWRITE


def test_every_command_has_a_name_in_both_languages() -> None:
    assert list(COMMANDS) == list(ALLOWED_IN)
    for en, zh in COMMANDS.values():
        assert en.isascii()
        assert re.fullmatch("[\u4e00-\u9fff]+", zh)
    assert len({en for en, _ in COMMANDS.values()}) == len(COMMANDS)
    assert len({zh for _, zh in COMMANDS.values()}) == len(COMMANDS)


def test_the_diagram_shows_every_way_and_no_other() -> None:
    found = arrows()
    members = {state.value: {state.value} for state in ComplaintState} | groups(found)

    shown = {
        (source, command, target)
        for begin, command, end in drawn(found)
        for source in members[begin]
        for target in members[end]
    }

    assert shown == found


@pytest.mark.parametrize(
    "arrow",
    [
        ("received", "register", "registered"),
        ("received", "answer", "answered"),
        ("answered", "dispute", "investigating"),
        ("answered", "dispute", "registered"),
        ("closed", "reopen", "assigned"),
        ("closed", "reopen", "registered"),
        ("open", "merge", "merged"),
        ("moving", "wait_for_customer", "waiting"),
        ("waiting", "resume", "moving"),
    ],
)
def test_the_ways_that_the_specification_names_are_drawn(arrow: Arrow) -> None:
    assert arrow in drawn(arrows())
