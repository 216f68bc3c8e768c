"""Plays the demonstration: every step is a command given through the one door, once.

Each command carries an idempotency key that follows from seed, end and step. Whoever is interrupted
plays again from where it is known to be complete: what happened already does not happen twice.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from random import Random
from typing import Any, Final
from uuid import UUID

from application.demonstration.cases import steps_of
from application.demonstration.clock import DAY, HOUR, Clock
from application.demonstration.company import PLACES, Place, UnitStep, levels
from application.demonstration.course import Ref, Step
from application.demonstration.parcels import Parcel
from application.demonstration.people import (
    TRANSPORT,
    Member,
    Roster,
    Worker,
    demonstrator,
    staff,
)
from application.demonstration.stories import Stories, Story, digest, is_duplicate
from application.dispatch import Call, Command, Dispatcher
from application.staff import AppointPerson, EndAppointment, JoinStaff
from domain.metadata import Source, SourceKind
from domain.roles import Role

SOURCE: Final = Source(SourceKind.DEMO, "demonstration")
CASES_AT_ONCE: Final = 96
_ADMINISTRATOR: Final = demonstrator(Role.ADMINISTRATOR)


class Stage:
    """Gives commands for the people of one demonstration; ``name`` tells its keys apart."""

    def __init__(self, dispatcher: Dispatcher, clock: Clock, name: str) -> None:
        self._dispatcher = dispatcher
        self._prefix = f"demo/{name}/{clock.until.isoformat()}"
        self.clock = clock

    async def give(self, who: Worker, command: Command[Any], key: str) -> Any:
        """Give one command; answers what it answered, also if that was before."""
        call = Call(caller=who.caller, source=SOURCE, idempotency_key=f"{self._prefix}/{key}")
        return (await self._dispatcher.execute(command, call)).result

    async def found(self, places: Sequence[Place], members: Sequence[Member]) -> None:
        """Found the company and appoint its staff, before anybody complains."""
        for level in levels(tuple(places)):
            # Side by side: who stands in no order may come in any.
            await asyncio.gather(*(self._unit(step) for step in level))
        await asyncio.gather(*(self._member(member) for member in members))

    async def _unit(self, step: UnitStep) -> None:
        command = step.command(**step.fields, occurred_at=self._ago(step.days))
        await self.give(_ADMINISTRATOR, command, f"unit/{step.key}")

    async def _member(self, member: Member) -> None:
        first = member.appointments[0]
        key = f"staff/{member.id}"
        join = JoinStaff(
            person=member.id, name=member.name, occurred_at=self._ago(first.since + 14)
        )
        await self.give(_ADMINISTRATOR, join, key)
        for number, post in enumerate(member.appointments, 1):
            # Offices open at nine; the decision is some days older than its effect.
            appoint = AppointPerson(
                person=member.id,
                role=post.role,
                unit=post.unit,
                starts_at=self._ago(post.since),
                occurred_at=self._ago(post.since + 10),
            )
            await self.give(_ADMINISTRATOR, appoint, f"{key}/{number}")
            if post.until is not None:
                end = EndAppointment(
                    person=member.id,
                    number=number,
                    ends_at=self._ago(post.until),
                    occurred_at=self._ago(post.until + 20),
                )
                await self.give(_ADMINISTRATOR, end, f"{key}/{number}/end")

    def _ago(self, days: int) -> datetime:
        return self.clock.at(-days * DAY + 9 * HOUR)

    async def ship(self, parcel: Parcel) -> None:
        """Tell of a shipment as the transport system does."""
        await self.give(TRANSPORT, parcel.command(self.clock), parcel.waybill)

    async def go_through(self, steps: Iterable[Step]) -> None:
        """Go through the steps of a case, each after the one before."""
        known: dict[str, UUID] = {}
        for step in steps:
            fields = {
                name: known[value.name] if type(value) is Ref else value
                for name, value in step.fields.items()
            }
            at = self.clock.at(step.at)
            command = step.command(**fields, occurred_at=at, reason=step.reason)
            answer = await self.give(step.who, command, step.key)
            if step.keeps is not None:
                known[step.keeps] = answer


@dataclass(frozen=True, slots=True)
class Script:
    """What is played: so many complaints, all following from the seed, up to that day."""

    size: int
    seed: int
    until: date


class Play:
    """A demonstration of any size. No more of it is in memory than is being played."""

    def __init__(self, script: Script, dispatcher: Dispatcher) -> None:
        self.script = script
        self.stage = Stage(dispatcher, Clock(script.until), str(script.seed))
        self._members = staff(PLACES, many=True)
        self._roster = Roster(self._members)
        self._stories = Stories(script.seed, self.stage.clock, self._roster)

    def cases(self) -> list[int]:
        """Return the numbers of all cases, by the time at which they begin.

        A duplicate is played with the case that it is merged into.
        """
        numbers = [n for n in range(self.script.size) if not is_duplicate(n)]
        numbers.sort(key=self._stories.received)
        return numbers

    def told(self, number: int) -> tuple[Story, list[Step]]:
        """Return the story of a case and its steps; the same number gives the same again."""
        chance = Random(digest(self.script.seed, number))  # noqa: S311  of a story, not of a secret
        story = self._stories.story(number, chance)
        doubled = is_duplicate(number + 1) and number + 1 < self.script.size
        steps = steps_of(
            story,
            chance,
            clock=self.stage.clock,
            roster=self._roster,
            complained_again=self._stories if doubled else None,
        )
        return story, steps

    async def perform(
        self,
        *,
        done: int = 0,
        at_once: int = CASES_AT_ONCE,
        on_done: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Play all cases but the first ``done`` ones; ``on_done`` hears how many are complete.

        Many cases go on at the same time, as in a real company, each of them step by step.
        """
        if not done:
            await self.stage.found(PLACES, self._members)
        cases = self.cases()
        waiting = iter(enumerate(cases))
        for _ in range(done):
            next(waiting, None)
        finished = _Finished(done, on_done)
        people = [
            asyncio.create_task(self._one_after_the_other(waiting, finished))
            for _ in range(min(at_once, len(cases)))
        ]
        try:
            await asyncio.gather(*people)
        finally:
            for one in people:
                one.cancel()
            await asyncio.gather(*people, return_exceptions=True)

    async def _one_after_the_other(
        self, waiting: Iterator[tuple[int, int]], finished: "_Finished"
    ) -> None:
        for place, number in waiting:
            story, steps = self.told(number)
            if story.parcel is not None:
                await self.stage.ship(story.parcel)
            await self.stage.go_through(steps)
            finished.note(place)


class _Finished:
    """How many cases, counted from the first, are complete without a gap."""

    def __init__(self, done: int, on_done: Callable[[int], None]) -> None:
        self._done = done
        self._ahead: set[int] = set()
        self._on_done = on_done

    def note(self, place: int) -> None:
        """Take in that the case at this place is complete."""
        self._ahead.add(place)
        while self._done in self._ahead:
            self._ahead.remove(self._done)
            self._done += 1
        self._on_done(self._done)
