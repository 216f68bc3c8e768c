"""What people of the demonstration say: phrases per language and category, put together by chance.

The phrases themselves stand in ``phrases_zh.toml`` and ``phrases_en.toml``.
"""

import tomllib
from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import accumulate
from random import Random
from typing import Any, TypeVar

from domain.categories import Category
from domain.complaint_words import Measure, RuleSource
from domain.notifying import Language

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Resolution:
    """What was decided: its measures, the rule that it names, and how it is said."""

    measures: tuple[Measure, ...]
    source: RuleSource
    rule: str
    plan: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out, and what may follow from it."""

    text: str
    resolutions: tuple[Resolution, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """What the customer tells, and what may be behind it.

    ``arrived`` says that a parcel that is late or lost was handed over to somebody.
    """

    subjects: tuple[str, ...]
    happened: str
    findings: tuple[Finding, ...]
    arrived: bool


@dataclass(frozen=True, slots=True)
class Phrases:
    """What is said about one category."""

    wishes: tuple[str, ...]
    told: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class Wording:
    """Everything that is said in one language."""

    names: Mapping[str, tuple[str, ...]]
    common: Mapping[str, tuple[str, ...]]
    about: Mapping[Category, Phrases]

    def some(self, chance: Random, kind: str) -> str:
        """Return one of the phrases that fit every category."""
        return pick(chance, self.common[kind])

    def name(self, chance: Random, kind: str) -> str:
        """Return one of the names of a kind."""
        return pick(chance, self.names[kind])


Weights = tuple[tuple[T, ...], tuple[float, ...]]
"""What there is to choose from, and the sums of the weights so far."""


def weights(table: Mapping[T, float]) -> Weights[T]:
    """Prepare a table of weights for ``weighed``."""
    return tuple(table), tuple(accumulate(table.values()))


def weighed(chance: Random, among: Weights[T]) -> T:
    """Return one by chance, by its weight."""
    values, sums = among
    return values[bisect(sums, chance.random() * sums[-1])]


def pick(chance: Random, among: Sequence[T]) -> T:
    """Return one by chance; ``Random.choice`` does the same more slowly."""
    return among[int(chance.random() * len(among))]


@cache
def wording(language: Language) -> Wording:
    """Read the phrases of a language, once."""
    file = resources.files(__package__) / f"phrases_{language.value}.toml"
    read = tomllib.loads(file.read_text("utf-8"))
    return Wording(
        _tuples(read["names"]),
        _tuples(read["common"]),
        {category: _phrases(read[category.value]) for category in Category},
    )


def _tuples(lists: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(texts) for name, texts in lists.items()}


def _phrases(read: Mapping[str, Any]) -> Phrases:
    resolutions = [
        Resolution(
            tuple(Measure(measure) for measure in one["measures"]),
            RuleSource(one["source"]),
            one["rule"],
            one["plan"],
        )
        for one in read["resolutions"]
    ]
    findings = [
        Finding(one["text"], tuple(resolutions[place - 1] for place in one["resolutions"]))
        for one in read["findings"]
    ]
    told = tuple(
        Told(
            tuple(one["subjects"]),
            one["happened"],
            tuple(findings[place - 1] for place in one["findings"]),
            one.get("arrived", False),
        )
        for one in read["told"]
    )
    return Phrases(tuple(read["wishes"]), told)
