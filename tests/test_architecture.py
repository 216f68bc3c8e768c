"""House rules that no tool checks; the direction of imports is import-linter's."""

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints
from uuid import UUID

import orjson
import pytest

from application.dispatch import HANDLERS, Command, handles, operation_of
from application.eventstore.log_entry import TOPIC_LIMIT
from application.permissions import PERMISSIONS
from application.refusals import refusal_from_stored, refusal_to_stored
from domain import errors
from domain.aggregate import Aggregate, DomainEvent
from domain.complaint_life import ComplaintState
from domain.errors import DomainError
from domain.personal import Personal, PersonalText, Sealed

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("domain", "application", "projections", "api", "migrations")
TOP_LEVEL = {
    *PRODUCT,
    *("tests", "docs", "pyproject.toml", "Makefile", "README.md", ".ci", ".gitignore"),
}
BANNED_NAMES = {
    *("utils", "helpers", "common", "core", "base", "manager", "service", "data", "info"),
}
READS = {
    *("shipments", "complaints", "workQueue", "ratings", "satisfaction", "improvements"),
    *("appeals", "calendars", "serviceLevelPolicies", "slaClocks", "slaCompliance"),
    *("complaintPolicies", "explainDeadline", "notices", "units", "staff"),
    *("caseHistory", "caseState", "personalData", "systemState"),
}
NO_PARTS_OF_A_CASE = {"customer", "parent", "unit"}
"""Ids in events that lead to people and to the organisation."""
LINES = 500
LINES_OF_TESTS = 800
LONGER = {"api/embedded_postgres.py"}
"""Files that are still longer than a reader wants; a new one needs a reason."""


def sources(*packages: str) -> list[Path]:
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def nodes(path: Path) -> Iterator[ast.AST]:
    yield from ast.walk(ast.parse(path.read_text("utf-8"), str(path)))


def place(path: Path, node: Any) -> str:
    return f"{path.relative_to(ROOT)}:{node.lineno}"


def everything_in(*packages: str) -> Iterator[Any]:
    """Yield every object that a module of these packages defines at its top level."""
    for package in packages:
        root = importlib.import_module(package)
        names = [package]
        names += [m.name for m in pkgutil.walk_packages(root.__path__, f"{package}.")]
        for name in names:
            module = importlib.import_module(name)
            for found in vars(module).values():
                if getattr(found, "__module__", None) == name:
                    yield found


def last_of(classes: list[type]) -> list[type]:
    """Return the classes of which no other one is made."""
    return [cls for cls in classes if not any(cls in other.__bases__ for other in classes)]


PARTS = [
    found
    for found in everything_in("domain")
    if isinstance(found, type) and issubclass(found, Aggregate) and found is not Aggregate
]
"""Aggregates, and the classes of which a large one is a chain."""
AGGREGATES = last_of(PARTS)
EVENTS = [
    found
    for part in PARTS
    for found in vars(part).values()
    if isinstance(found, type) and issubclass(found, DomainEvent)
]
COMMANDS = last_of(
    [
        found
        for found in everything_in("application")
        if isinstance(found, type) and issubclass(found, Command) and found is not Command
    ]
)
REFUSALS = [
    found
    for found in everything_in("domain", "application")
    if isinstance(found, type) and issubclass(found, DomainError) and found is not DomainError
]


def test_something_is_found_to_judge() -> None:
    assert min(len(AGGREGATES), len(EVENTS), len(COMMANDS), len(REFUSALS)) >= 3


# Events


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.__qualname__)
def test_an_event_has_a_topic_of_its_aggregate(event: type[DomainEvent]) -> None:
    assert "TOPIC" in vars(event)
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+", event.TOPIC)
    assert len(event.TOPIC.encode()) <= TOPIC_LIMIT == 63
    assert event.TOPIC.partition(".")[0] == event.aggregate_class.KIND
    assert event.aggregate_class in AGGREGATES
    chain = [part.__name__ for part in event.aggregate_class.__mro__ if part in PARTS]
    assert event.__qualname__.partition(".")[0] in chain


def test_the_parts_of_an_aggregate_form_one_chain() -> None:
    """Two aggregates on one part would both claim its events."""
    for part in PARTS:
        assert len([base for base in part.__bases__ if issubclass(base, Aggregate)]) == 1
        assert len([other for other in PARTS if part in other.__bases__]) <= 1


def test_every_event_belongs_to_an_aggregate() -> None:
    # The original of a class may still be around: compare names, not objects.
    assert {
        e.__qualname__ for e in DomainEvent.__subclasses__() if e.__module__[:6] == "domain"
    } == {e.__qualname__ for e in EVENTS}


def test_topics_and_kinds_are_unique() -> None:
    topics = Counter(event.TOPIC for event in EVENTS)
    kinds = Counter(aggregate.KIND for aggregate in AGGREGATES)

    assert [name for name, count in (topics + kinds).items() if count > 1] == []


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.__qualname__)
def test_an_event_says_what_happened_not_that_something_did(event: type[DomainEvent]) -> None:
    assert not event.__name__.endswith(("Updated", "Changed"))
    assert event.__doc__
    assert not event.__doc__.startswith(event.__name__), "dataclass's own docstring"


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.__qualname__)
def test_an_event_is_evolved_and_upcast_step_by_step(event: type[DomainEvent]) -> None:
    assert "_evolve" in vars(event)
    for step in range(1, event.class_version):
        assert callable(getattr(event, f"upcast_v{step}_v{step + 1}", None))


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.__qualname__)
def test_every_id_in_an_event_links_two_parts_of_a_case(event: type[DomainEvent]) -> None:
    hints = get_type_hints(event)
    ids = {name for name in event._field_names if hints[name] in {UUID, UUID | None}}

    assert set(event.LINKS) == ids - NO_PARTS_OF_A_CASE


def mentions_a_person(hint: Any) -> bool:
    if hint in {PersonalText, Sealed}:
        return True
    if is_dataclass(hint) and isinstance(hint, type):
        return any(mentions_a_person(inner) for inner in get_type_hints(hint).values())
    return any(mentions_a_person(argument) for argument in get_args(hint))


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.__qualname__)
def test_personal_fields_stand_at_the_top_level_of_an_event(event: type[DomainEvent]) -> None:
    """Only there does the codec encrypt them."""
    buried = [
        name
        for name, hint in get_type_hints(event).items()
        if mentions_a_person(hint) and hint not in {Personal, Personal | None}
    ]

    assert buried == []


@pytest.mark.parametrize("aggregate", AGGREGATES, ids=lambda a: a.__name__)
def test_no_rule_reads_personal_text(aggregate: type[Aggregate]) -> None:
    """Snapshots hold an aggregate's state, unencrypted."""
    hints = get_type_hints(aggregate)

    assert aggregate.state_names
    assert [n for n in aggregate.state_names if mentions_a_person(hints[n])] == []


@pytest.mark.parametrize("aggregate", AGGREGATES, ids=lambda a: a.__name__)
def test_the_state_of_an_aggregate_is_what_it_declares(aggregate: type[Aggregate]) -> None:
    """Snapshots hold just the annotated attributes: another one would be lost."""
    root = {"id", "version", "pending_events"}

    assert set(vars(aggregate(UUID(int=1)))) - root == set(aggregate.state_names)
    assert len(set(aggregate.state_names)) == len(aggregate.state_names)


@pytest.mark.parametrize("part", PARTS, ids=lambda p: p.__name__)
def test_public_methods_decide_and_only_private_ones_evolve(part: type[Aggregate]) -> None:
    tree = ast.parse(Path(inspect.getfile(part)).read_text("utf-8"))
    (definition,) = (
        node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == part.__name__
    )
    public = (
        node
        for node in definition.body
        if isinstance(node, ast.FunctionDef) and node.name != "begin" and node.name[0] != "_"
    )

    assert [
        f"{method.name}: {ast.unparse(node)}"
        for method in public
        for node in ast.walk(method)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store | ast.Del)
        and ast.unparse(node.value) == "self"
    ] == []


# Commands and permissions


def test_every_command_has_exactly_one_handler() -> None:
    decorated = Counter(
        ast.unparse(decorator.args[0])
        for path in sources("application")
        for function in nodes(path)
        if isinstance(function, ast.AsyncFunctionDef)
        for decorator in function.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "handles"
    )

    assert set(HANDLERS) == set(COMMANDS)
    assert decorated == Counter(command.__name__ for command in COMMANDS)


def test_a_second_handler_of_a_command_is_a_mistake_at_import() -> None:
    with pytest.raises(TypeError, match="has a handler already"):
        handles(COMMANDS[0])(HANDLERS[COMMANDS[0]].function)


def test_the_permission_table_knows_every_operation_and_nothing_else() -> None:
    operations = {operation_of(command) for command in COMMANDS}

    assert len(operations) == len(COMMANDS)
    assert set(PERMISSIONS) == operations | READS


# Refusals

PLAIN = {str, int, bool, UUID, str | None, int | None}
EXAMPLES: dict[Any, Any] = {str: "x", int: 5, bool: True, UUID: UUID(int=5)}


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda r: r.__name__)
def test_a_refusal_is_a_dataclass_of_plain_fields(refusal: type[DomainError]) -> None:
    hints = get_type_hints(refusal)

    assert "__dataclass_fields__" in vars(refusal), "decorate it, or its fields are lost"
    assert [f.name for f in fields(refusal) if hints[f.name] not in PLAIN] == []
    assert refusal.__name__.endswith("Error")
    assert refusal.__doc__


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda r: r.__name__)
def test_a_stored_refusal_comes_back_as_it_was(refusal: type[DomainError]) -> None:
    hints = get_type_hints(refusal)
    one = refusal(**{f.name: EXAMPLES.get(hints[f.name], "x") for f in fields(refusal)})

    again = refusal_from_stored(orjson.loads(refusal_to_stored(one)))

    assert type(again) is refusal
    assert again == one
    assert str(again) == str(one)
    assert getattr(errors, refusal.__name__) is refusal, "only those of domain.errors are found"


def test_a_stored_refusal_may_hold_a_member_of_a_closed_list() -> None:
    one = errors.WrongStateError("close", ComplaintState.RECEIVED)

    assert refusal_from_stored(orjson.loads(refusal_to_stored(one))) == one


# Files


def test_no_module_is_named_after_nothing() -> None:
    named = [
        path
        for package in (*PRODUCT, "tests")
        for path in (ROOT / package).rglob("*")
        if path.suffix == ".py" or (path.is_dir() and path.name != "__pycache__")
    ]

    assert [str(p.relative_to(ROOT)) for p in named if p.stem in BANNED_NAMES] == []


def test_the_top_level_holds_nothing_unexpected() -> None:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a working copy of git")

    assert {name.partition("/")[0] for name in listed.stdout.split("\0") if name} <= TOP_LEVEL


def test_no_file_is_longer_than_a_reader_wants() -> None:
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for path in sources(*PRODUCT, "tests")
    }

    assert {
        name
        for name, count in lines.items()
        if count >= (LINES_OF_TESTS if name.startswith("tests/") else LINES)
    } <= LONGER


CLOCKS_AND_DICE = {
    *("now", "utcnow", "today", "monotonic", "perf_counter", "time", "time_ns", "sleep"),
    *("uuid1", "uuid4", "uuid6", "uuid7", "random", "randint", "choice", "urandom", "getenv"),
    *("token_bytes", "token_hex", "token_urlsafe", "open", "print", "input"),
}
OUTSIDE_WORLD = {
    *("asyncio", "io", "os", "pathlib", "random", "secrets", "socket", "subprocess", "time"),
    *("logging", "structlog", "threading", "urllib", "http"),
}


def test_the_domain_reads_no_clock_and_throws_no_dice() -> None:
    found = []
    for path in sources("domain"):
        for node in nodes(path):
            match node:
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                    bad = name in CLOCKS_AND_DICE
                case ast.Import(names=names):
                    bad = any(a.name.partition(".")[0] in OUTSIDE_WORLD for a in names)
                case ast.ImportFrom(module=str(module), names=names):
                    bad = module.partition(".")[0] in OUTSIDE_WORLD or any(
                        a.name in CLOCKS_AND_DICE for a in names
                    )
                case _:
                    bad = False
            found += [place(path, node)] if bad else []

    assert found == []


def is_put_together(node: ast.expr) -> bool:
    """Say whether an expression is a text with something filled in."""
    match node:
        case ast.JoinedStr(values=values):
            return any(isinstance(value, ast.FormattedValue) for value in values)
        case ast.BinOp(op=ast.Mod()):
            return True
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return not (isinstance(left, ast.Constant) and isinstance(right, ast.Constant))
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str()), attr="format" | "join")):
            return True
    return False


def statements(tree: Iterator[ast.AST]) -> Iterator[ast.expr]:
    """Yield what is given to the database as a statement."""
    for node in tree:
        match node:
            case ast.Call(
                func=ast.Attribute(attr="execute" | "executemany" | "stream" | "copy" | "SQL"),
                args=[statement, *_],
            ):
                yield statement


def test_no_statement_is_put_together_from_texts() -> None:
    found = [
        place(path, statement)
        for path in sources(*PRODUCT)
        for statement in statements(nodes(path))
        if is_put_together(statement)
    ]

    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        'c.execute(f"SELECT {x}")',
        'c.execute("SELECT %s" % x)',
        'c.executemany("SELECT {}".format(x), [])',
        'c.execute("SELECT " + x)',
        'sql.SQL(f"SELECT {x}")',
    ],
)
def test_the_search_for_such_statements_finds_them(code: str) -> None:
    (statement,) = statements(ast.walk(ast.parse(code)))

    assert is_put_together(statement)
