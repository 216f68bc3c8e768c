"""The category tree in the schema, with aliases, checklists and standard texts."""

import strawberry

from api.graphql.context import ApiInfo
from api.graphql.scalars import Lang, label
from domain.categories import CATEGORIES, Category, CategoryGroup, ChecklistItem, category_named
from domain.standard_texts import STANDARD_TEXTS, Purpose, StandardText


@strawberry.type(description="A measure that the documents prescribe for a category.")
class PrescribedMeasure:
    """An item of a checklist."""

    entry: strawberry.Private[ChecklistItem]
    item: str

    @strawberry.field
    def label(self, lang: Lang = Lang.EN) -> str:
        """Name the measure."""
        return self.entry.zh if lang is Lang.ZH else self.entry.en


@strawberry.type(description="A standard text; words in braces are to be filled in.")
class StandardTextType:
    """A text of a category."""

    entry: strawberry.Private[StandardText]
    purpose: Purpose

    @strawberry.field
    def text(self, lang: Lang = Lang.EN) -> str:
        """Return the text."""
        return self.entry.zh if lang is Lang.ZH else self.entry.en


@strawberry.type(description="A leaf of the category tree.")
class CategoryType:
    """A category."""

    category: Category
    group: CategoryGroup
    is_complaint: bool
    aliases: list[str]
    checklist: list[PrescribedMeasure]
    standard_texts: list[StandardTextType]

    @strawberry.field
    def label(self, lang: Lang = Lang.EN) -> str:
        """Name the category."""
        return label(self.category, lang)

    @strawberry.field
    def group_label(self, lang: Lang = Lang.EN) -> str:
        """Name the branch."""
        return label(self.group, lang)


def _category(category: Category) -> CategoryType:
    entry = CATEGORIES[category]
    return CategoryType(
        category=category,
        group=entry.group,
        is_complaint=entry.is_complaint,
        aliases=list(entry.aliases),
        checklist=[PrescribedMeasure(entry=item, item=item.code) for item in entry.checklist],
        standard_texts=[
            StandardTextType(entry=text, purpose=purpose)
            for purpose, text in STANDARD_TEXTS[category].items()
        ],
    )


@strawberry.type
class Query:
    """Questions about categories."""

    @strawberry.field(
        description="The category tree; with a name, the one category of that name or alias."
    )
    def categories(self, info: ApiInfo, named: str | None = None) -> list[CategoryType]:
        """List."""
        info.context.reach("complaints")
        if named is not None:
            return [_category(category_named(named, field="named"))]
        return [_category(category) for category in CATEGORIES]
