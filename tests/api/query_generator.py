"""Queries made by chance from the schema alone, with arguments that mean something or nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)

NOT_OF_READ_MODELS = {"caseState", "categories", "explainDeadline"}
"""The log itself, folded; and what is no data at all."""
_MOST_WEIGHT = 5
NONSENSE = {
    "String": ("", "x", "王小明", "'; --", "%_", "a.b.c"),
    "ID": ("", "x", "Q29tcGxhaW50Ong=", "01890000-0000-7000-8000-000000000000"),
    "Int": (-1, 0, 1001, 2**31 - 1),
    "Long": (0, 2**63 - 1),
    "DateTime": ("2026-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
}


@dataclass
class Pools:
    """Values that are in the data, by the name of the argument or field that takes them."""

    values: Mapping[str, Sequence[Any]]
    cursors: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class Generated:
    """A document with its variables."""

    text: str
    variables: dict[str, Any]
    roots: list[str]


class QueryGenerator:
    """Makes queries; the same seed makes the same ones."""

    def __init__(self, schema: GraphQLSchema, pools: Pools, seed: int) -> None:
        self._schema = schema
        self._pools = pools
        self._random = Random(seed)
        assert schema.query_type is not None
        roots = schema.query_type.fields
        self._roots = {name: f for name, f in roots.items() if name not in NOT_OF_READ_MODELS}
        self._weights = [self._weight(get_named_type(f.type)) for f in self._roots.values()]
        self._objects = [
            kind
            for kind in schema.type_map.values()
            if isinstance(kind, GraphQLObjectType)
            and any(i.name == "Node" for i in kind.interfaces)
        ]
        self._declared: dict[str, str] = {}
        self._variables: dict[str, Any] = {}
        self._fragments: list[str] = []
        self._budget = 0

    @staticmethod
    def _weight(kind: Any) -> int:
        """Return how often a root is asked: the more there is to choose beneath it, the more."""
        return min(len(kind.fields), _MOST_WEIGHT)

    def query(self) -> Generated:
        """Make one."""
        random = self._random
        self._declared, self._variables, self._fragments = {}, {}, []
        self._budget = random.randint(4, 60)
        chosen = random.choices(list(self._roots), self._weights, k=random.choice((1, 1, 1, 1, 2)))
        lines = []
        for place, name in enumerate(chosen):
            alias = f"r{place}: " if len(chosen) > 1 or random.random() < 0.1 else ""
            lines.append(alias + self._field(name, self._roots[name], 1, name))
        if random.random() < 0.1:
            lines.append("__typename")
        given = ", ".join(f"${name}: {kind}" for name, kind in self._declared.items())
        text = f"query Q{f'({given})' if given else ''} {{ {' '.join(lines)} }}"
        return Generated(" ".join([text, *self._fragments]), dict(self._variables), chosen)

    def _field(self, name: str, definition: GraphQLField, depth: int, root: str) -> str:
        text = name
        arguments = self._arguments(definition, root)
        if arguments:
            text += f"({', '.join(arguments)})"
        if self._random.random() < 0.06:
            text += self._directive()
        kind = get_named_type(definition.type)
        if is_leaf_type(kind):
            return text
        return f"{text} {{ {self._selection(kind, depth, root)} }}"

    def _selection(self, kind: Any, depth: int, root: str) -> str:
        random = self._random
        if isinstance(kind, GraphQLInterfaceType):
            some = random.sample(self._objects, k=min(3, len(self._objects)))
            parts = [
                f"... on {one.name} {{ {self._selection(one, depth + 1, root)} }}" for one in some
            ]
            return " ".join(["__typename", *random.sample(["id", *parts], k=random.randint(1, 3))])
        assert isinstance(kind, GraphQLObjectType)
        names = list(kind.fields)
        leaves = [n for n in names if is_leaf_type(get_named_type(kind.fields[n].type))]
        branches = [n for n in names if n not in leaves]
        wanted = random.sample(leaves, k=min(len(leaves), random.randint(1, 8)))
        if "edges" in branches:
            wanted += random.sample(branches, k=random.randint(1, len(branches)))
        elif depth < 7 and self._budget > 0:
            wanted += random.sample(branches, k=min(len(branches), random.randint(0, 2)))
        if not wanted:
            return "__typename"
        random.shuffle(wanted)
        parts = []
        for name in wanted:
            self._budget -= 1
            alias = f"a{random.randint(0, 999)}: " if random.random() < 0.1 else ""
            parts.append(alias + self._field(name, kind.fields[name], depth + 1, root))
        if random.random() < 0.08:
            parts.append("__typename")
        if random.random() < 0.08:
            return self._fragment(kind, " ".join(parts))
        if random.random() < 0.08:
            return f"... on {kind.name} {{ {' '.join(parts)} }} {leaves[0] if leaves else ''}"
        return " ".join(parts)

    def _fragment(self, kind: GraphQLObjectType, body: str) -> str:
        name = f"F{len(self._fragments)}"
        self._fragments.append(f"fragment {name} on {kind.name} {{ {body} }}")
        return f"...{name}"

    def _directive(self) -> str:
        word = self._random.choice(("skip", "include"))
        if self._random.random() < 0.5:
            return f" @{word}(if: {self._random.choice(('true', 'false'))})"
        name = self._variable("Boolean!", self._random.random() < 0.5)
        return f" @{word}(if: ${name})"

    # Arguments

    def _arguments(self, definition: GraphQLField, root: str) -> list[str]:
        found = []
        for name, argument in definition.args.items():
            if name in {"first", "last", "after", "before"}:
                continue
            chance = 0.45 if name != "lang" else 0.6
            if is_required_argument(argument) or self._random.random() < chance:
                found.append(self._given(name, argument, root))
        if "first" in definition.args:
            found += self._window(root)
        return found

    def _window(self, root: str) -> list[str]:
        random = self._random
        backwards = random.random() < 0.3
        size = random.choice((0, 1, 2, 3, 5, 10)) if random.random() < 0.97 else -1
        found = []
        if random.random() < 0.8:
            found.append(f"{'last' if backwards else 'first'}: {self._int(size)}")
        cursors = self._pools.cursors.get(root, [])
        if cursors and random.random() < 0.35:
            cursor = random.choice(cursors) if random.random() < 0.95 else "x.y.z"
            found.append(f"{'before' if backwards else 'after'}: {self._text('String', cursor)}")
        return found

    def _int(self, value: int) -> str:
        if self._random.random() < 0.4:
            return f"${self._variable('Int', value)}"
        return str(value)

    def _text(self, kind: str, value: str) -> str:
        if self._random.random() < 0.5 or not value.isascii() or set(value) & set('"\\\n'):
            return f"${self._variable(kind, value)}"
        return f'"{value}"'

    def _given(self, name: str, argument: GraphQLArgument, root: str) -> str:
        value = self._value(name, argument.type, root)
        if self._random.random() < 0.5:
            return f"{name}: ${self._variable(str(argument.type), value)}"
        return f"{name}: {self._literal(value, argument.type)}"

    def _variable(self, kind: str, value: Any) -> str:
        name = f"v{len(self._declared)}"
        self._declared[name] = kind
        self._variables[name] = value
        return name

    def _value(self, name: str, kind: Any, root: str) -> Any:  # noqa: PLR0911  one a kind
        random = self._random
        if isinstance(kind, GraphQLNonNull):
            return self._value(name, kind.of_type, root)
        if isinstance(kind, GraphQLList):
            return [self._value(name, kind.of_type, root) for _ in range(random.randint(0, 3))]
        if isinstance(kind, GraphQLEnumType):
            return random.choice(list(kind.values))
        if isinstance(kind, GraphQLInputObjectType):
            return self._input(kind, root)
        if kind.name == "Boolean":
            return random.random() < 0.5
        pool = self._pools.values.get(name) or self._pools.values.get(kind.name)
        if pool and random.random() < 0.92:
            return random.choice(pool)
        return random.choice(NONSENSE[kind.name])

    def _input(self, kind: GraphQLInputObjectType, root: str) -> dict[str, Any]:
        names = list(kind.fields)
        if kind.extensions["strawberry-definition"].is_one_of:
            wanted = self._random.sample(names, k=1)
        else:
            few = self._random.sample(names, k=min(len(names), self._random.randint(0, 2)))
            wanted = [n for n in names if n in few or is_required_input_field(kind.fields[n])]
        return {name: self._value(name, kind.fields[name].type, root) for name in wanted}

    def _literal(self, value: Any, kind: Any) -> str:  # noqa: PLR0911  one a kind
        if isinstance(kind, GraphQLNonNull):
            kind = kind.of_type
        if value is None:
            return "null"
        if isinstance(kind, GraphQLList):
            return f"[{', '.join(self._literal(one, kind.of_type) for one in value)}]"
        if isinstance(kind, GraphQLInputObjectType):
            fields = (f"{n}: {self._literal(v, kind.fields[n].type)}" for n, v in value.items())
            return f"{{{', '.join(fields)}}}"
        if isinstance(kind, GraphQLEnumType):
            return str(value)
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return str(value)
        escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
