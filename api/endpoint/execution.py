"""From a GraphQL request to its answer: limits, then the compiler, then ordinary execution."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from inspect import isawaitable
from typing import Any, Final

import orjson
import psycopg
import strawberry
from graphql import (
    ExecutionResult,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    execute,
    get_variable_values,
)
from strawberry.execution import optimized_is_awaitable

from api.endpoint.answers import Answer
from api.endpoint.documents import Document, Documents, InvalidDocumentError
from api.endpoint.faults import fault_code, formatted, log_fault
from api.endpoint.requests import GRAPHQL_JSON, GraphQLRequest, RequestRefusedError
from api.graphql.compiler.plan import Compiler, Plan
from api.graphql.compiler.sql import UnsupportedError
from api.graphql.context import Context
from api.limits.documents import DocumentLimits, LimitExceededError
from api.limits.rates import ADDRESS, Gate, RateLimits, Ticket, TooManyError
from api.limits.trusted import DocumentNotTrustedError, TrustedDocuments
from api.limits.variables import VariableLimits, check_variables
from api.observing import saw_operation, saw_refused_errors
from api.positions import NotYetProjectedError
from api.refusals import fault_message
from api.settings import Settings
from api.tracing import span
from domain.errors import DomainError

QUERY_SECONDS: Final = 15.0
"""How long a query may take in all; a command has deadlines of its own."""
_MOST_ERRORS: Final = 10
_OF_STRANGERS: Final = 600
"""Requests a minute from an address without a key: they are told little, and each costs time."""


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """All limits of the service, and its switches."""

    documents: DocumentLimits = field(default_factory=DocumentLimits)
    variables: VariableLimits = field(default_factory=VariableLimits)
    rates: RateLimits = field(default_factory=RateLimits)
    trusted: TrustedDocuments = field(default_factory=lambda: TrustedDocuments({}))
    suggestions: bool = True

    @classmethod
    def of(cls, settings: Settings) -> "ServiceLimits":
        """Return the limits that the settings ask for; ManifestError if documents are not right."""
        manifest = settings.trusted_documents
        return cls(
            documents=DocumentLimits(introspection=settings.introspection),
            rates=RateLimits(requests=settings.requests_per_minute, cost=settings.cost_per_minute),
            trusted=TrustedDocuments({})
            if manifest is None
            else TrustedDocuments.from_file(manifest, only=settings.trusted_only),
            suggestions=settings.suggestions,
        )


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request whose document is fit, whose variables have their types, and that was let in."""

    document: Document
    operation: OperationDefinitionNode
    variables: Any
    sent: dict[str, Any]
    ticket: Ticket


class RefusedError(Exception):
    """The request is refused before anything is executed; holds the errors of the answer."""

    def __init__(
        self, errors: list[Any], status: int, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__("refused")
        self.errors = errors
        self.status = status
        self.headers = headers or {}


class Execution:
    """Answers the GraphQL requests of one server."""

    def __init__(
        self, schema: strawberry.Schema, limits: ServiceLimits, *, compiled: bool = True
    ) -> None:
        self._schema = schema._schema  # noqa: SLF001  Strawberry shows it nowhere else
        self._limits = limits
        self._documents = Documents(self._schema, limits.documents, suggestions=limits.suggestions)
        self._compiler = (
            Compiler(self._schema, schema.config, schema.schema_converter.scalar_registry)
            if compiled
            else None
        )
        self._gate = Gate(limits.rates)
        few = min(limits.rates.requests, _OF_STRANGERS)
        self._strangers = Gate(replace(limits.rates, requests=few))

    async def answer(
        self, request: GraphQLRequest, context: Context, principal: str, media_type: str
    ) -> Answer:
        """Answer a query or a mutation; every way out is an answer."""
        try:
            with span("prepare"):
                prepared = self.prepare(request, principal, context.lang)
        except RefusedError as refused:
            saw_refused_errors(refused.errors)
            status = refused.status
            if status == 400 and media_type != GRAPHQL_JSON:  # noqa: PLR2004
                status = 200  # as clients of the older media type expect it
            return Answer(orjson.dumps({"errors": refused.errors}), status, headers=refused.headers)
        with prepared.ticket as ticket:
            if prepared.operation.operation is OperationType.SUBSCRIPTION:
                errors = _coded("STREAM_NEEDED", fault_message("STREAM_NEEDED", context.lang))
                return Answer(orjson.dumps({"errors": errors}), 400)
            answer = await self.executed(prepared, context)
            return Answer(answer.body, answer.status, answer.path, ticket.headers())

    def prepare(self, request: GraphQLRequest, principal: str, lang: str) -> Prepared:
        """Check a request against every limit; RefusedError says what is wrong."""
        try:
            document = self._document(request)
            check_variables(request.variables, self._limits.variables)
            cost = document.measured.cost(request.operation_name, request.variables)
        except (LimitExceededError, DocumentNotTrustedError) as error:
            self._charge(principal, lang)
            raise RefusedError(_coded(error.code, error.message(lang)), 400) from None
        except InvalidDocumentError as error:
            self._charge(principal, lang)
            raise RefusedError(formatted(error.errors, lang), 400) from None
        ticket = self._admit(principal, cost, lang)
        try:
            operation, variables = self._operation(document, request, lang)
        except BaseException:
            ticket.release()
            raise
        name = operation.name.value if operation.name else None
        saw_operation(operation.operation.value, name, cost)
        return Prepared(document, operation, variables, request.variables, ticket)

    def _document(self, request: GraphQLRequest) -> Document:
        text = self._limits.trusted.find(
            {
                "query": request.query,
                "extensions": request.extensions,
                "documentId": request.document_id,
            }
        )
        if text is None:
            text = request.query
        if not text:
            raise RequestRefusedError(400, "QUERY_MISSING")
        return self._documents.find(text)

    def _operation(
        self, document: Document, request: GraphQLRequest, lang: str
    ) -> tuple[OperationDefinitionNode, Any]:
        operation = document.operation(request.operation_name)
        if operation is None:
            code = "OPERATION_UNKNOWN"
            raise RefusedError(_coded(code, fault_message(code, lang)), 400)
        if request.reading and operation.operation is not OperationType.QUERY:
            raise RequestRefusedError(405, "READING_ONLY", headers={"Allow": "POST"})
        variables = get_variable_values(
            self._schema,
            operation.variable_definitions or (),
            request.variables,
            max_errors=_MOST_ERRORS,
            hide_suggestions=not self._limits.suggestions,
        )
        if isinstance(variables, list):
            raise RefusedError(formatted(variables, lang, "INVALID_VARIABLES"), 400)
        return operation, variables

    def charge_stranger(self, address: str, lang: str) -> None:
        """Count a request of somebody whom no key lets in; RefusedError if there are too many."""
        self._admit(address, 1, lang).release()

    def _charge(self, principal: str, lang: str) -> None:
        """Count a request that is refused: it costs us something, too."""
        self._admit(principal, 1, lang).release()

    def _admit(self, principal: str, cost: int, lang: str) -> Ticket:
        try:
            gate = self._strangers if principal.startswith(ADDRESS) else self._gate
            return gate.admit(principal, cost)
        except TooManyError as error:
            raise RefusedError(
                _coded(error.code, error.message(lang)), 429, error.headers
            ) from None

    async def executed(self, prepared: Prepared, context: Context) -> Answer:
        """Answer a query or a mutation that is prepared."""
        if prepared.operation.operation is not OperationType.QUERY:
            return await self._ordinary(prepared, context)
        try:
            async with asyncio.timeout(QUERY_SECONDS):
                if context.after_position is not None:
                    await context.services.positions.wait_for(context.after_position)
                data = await self._compiled(prepared, context)
                if data is not None:
                    return Answer(b'{"data":' + data + b"}", 200, "compiled")
                return await self._ordinary(prepared, context)
        except TimeoutError:
            return _failed("DEADLINE_EXCEEDED", context.lang)
        except NotYetProjectedError as error:
            code = "NOT_YET_PROJECTED"
            message = fault_message(
                code, context.lang, reached=error.reached, position=error.position
            )
            extensions = {"code": code, "reached": error.reached}
            errors = [{"message": message, "extensions": extensions}]
            return Answer(orjson.dumps({"data": None, "errors": errors}))
        except psycopg.Error as error:
            code = fault_code(error)
            if code == "INTERNAL":
                log_fault(error)
            return _failed(code, context.lang)

    async def _compiled(self, prepared: Prepared, context: Context) -> bytes | None:
        """Return the data as the compiler reads it; None if ordinary execution has to answer.

        The compiler never refuses: what is wrong with a question is told in one place only.
        """
        try:
            plan = self._plan(prepared, context)
            if plan is None:
                return None
            with span("compiled"):
                return await plan.run(context, prepared.variables)
        except (psycopg.OperationalError, TimeoutError):
            raise
        except (DomainError, GraphQLError, UnsupportedError, psycopg.DataError):
            return None
        except Exception as fault:  # noqa: BLE001  ordinary execution answers all the same
            log_fault(fault)
            return None

    def _plan(self, prepared: Prepared, context: Context) -> Plan | None:
        if self._compiler is None or context.optional_caller is None:
            return None
        return self._compiler.plan(
            prepared.document, prepared.operation, prepared.variables, context.optional_caller
        )

    async def _ordinary(self, prepared: Prepared, context: Context) -> Answer:
        with span("ordinary"):
            return await self._resolved(prepared, context)

    async def _resolved(self, prepared: Prepared, context: Context) -> Answer:
        result = execute(
            self._schema,
            prepared.document.node,
            context_value=context,
            variable_values=prepared.sent,
            operation_name=prepared.operation.name.value if prepared.operation.name else None,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
            hide_suggestions=not self._limits.suggestions,
        )
        if isawaitable(result):
            result = await result
        assert isinstance(result, ExecutionResult)
        body: dict[str, Any] = {"data": result.data}
        if result.errors:
            body["errors"] = formatted(result.errors, context.lang)
        return Answer(orjson.dumps(body), context.status, "ordinary")


def _coded(code: str, message: str) -> list[Any]:
    return [{"message": message, "extensions": {"code": code}}]


def _failed(code: str, lang: str) -> Answer:
    errors = _coded(code, fault_message(code, lang))
    return Answer(orjson.dumps({"data": None, "errors": errors}), 200, "ordinary")
