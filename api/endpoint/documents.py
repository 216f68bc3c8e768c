"""Documents that were parsed, measured and validated once, kept for the next who sends them.

A cold document costs milliseconds, a known one microseconds. The cache is bounded by count and by
bytes; what was used longest ago goes first.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    specified_rules,
    validate,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from api.limits.documents import (
    DocumentLimits,
    LimitExceededError,
    Measured,
    measure,
    read_document,
)

_MOST_DOCUMENTS: Final = 500
_MOST_CHARACTERS: Final = 8 * 1024 * 1024
_MOST_ERRORS: Final = 10
_RULES: Final = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)


@dataclass(slots=True)
class Document:
    """A document that is fit to be executed."""

    node: DocumentNode
    measured: Measured
    operations: dict[str, OperationDefinitionNode]
    fragments: dict[str, FragmentDefinitionNode]
    plans: dict[Any, Any] = field(default_factory=dict)
    """What the query compiler made of it."""

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        """Return the operation of that name; without one, the only operation."""
        if name is not None:
            return self.operations.get(name)
        return next(iter(self.operations.values())) if len(self.operations) == 1 else None


class InvalidDocumentError(Exception):
    """The document does not parse or is not valid; errors as the specification words them."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__("invalid document")
        self.errors = errors


class Documents:
    """The documents of one schema."""

    def __init__(
        self, schema: GraphQLSchema, limits: DocumentLimits, *, suggestions: bool = True
    ) -> None:
        self._schema = schema
        self._limits = limits
        self._suggestions = suggestions
        self._known: OrderedDict[str, Document | LimitExceededError | InvalidDocumentError]
        self._known = OrderedDict()
        self._characters = 0

    def find(self, text: str) -> Document:
        """Return a document; LimitExceededError or InvalidDocumentError if it is not fit.

        A refusal that is kept is raised as a new one: its traceback would hold on to each request.
        """
        found = self._known.get(text)
        if found is None:
            found = self._prepare(text)
            self._keep(text, found)
        else:
            self._known.move_to_end(text)
        if isinstance(found, InvalidDocumentError):
            raise InvalidDocumentError(found.errors)
        if isinstance(found, LimitExceededError):
            raise LimitExceededError(found.code, found.limit, found.found)
        return found

    def _keep(self, text: str, found: Document | LimitExceededError | InvalidDocumentError) -> None:
        if len(text) > self._limits.size:
            return  # refused by its length alone, sooner than it would be found here
        self._known[text] = found
        self._characters += len(text)
        while len(self._known) > _MOST_DOCUMENTS or self._characters > _MOST_CHARACTERS:
            gone, _ = self._known.popitem(last=False)
            self._characters -= len(gone)

    def _prepare(self, text: str) -> Document | LimitExceededError | InvalidDocumentError:
        try:
            node = read_document(text, self._limits)
            measured = measure(self._schema, node, self._limits)
        except LimitExceededError as error:
            return error
        except GraphQLError as error:
            return InvalidDocumentError([error.with_traceback(None)])
        errors = validate(
            self._schema,
            node,
            _RULES,
            max_errors=_MOST_ERRORS,
            hide_suggestions=not self._suggestions,
        )
        if errors:
            return InvalidDocumentError(errors)
        operations = [d for d in node.definitions if isinstance(d, OperationDefinitionNode)]
        return Document(
            node=node,
            measured=measured,
            operations={o.name.value if o.name else "": o for o in operations},
            fragments={
                d.name.value: d for d in node.definitions if isinstance(d, FragmentDefinitionNode)
            },
        )
