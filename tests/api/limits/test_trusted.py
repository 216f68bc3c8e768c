"""Trusted documents: registered by a file, asked for by their hash."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest

from api.limits.trusted import DocumentNotTrustedError, ManifestError, TrustedDocuments

TEXT = "{ viewer { actor } }"
CHINESE = '{ categories(named: "物流延误") { category } }'
HASH = sha256(TEXT.encode()).hexdigest()
UNKNOWN = "0" * 64


def manifest(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "documents.json"
    path.write_bytes(orjson.dumps(content))
    return path


def refused_code(documents: TrustedDocuments, body: dict[str, Any]) -> str:
    with pytest.raises(DocumentNotTrustedError) as refused:
        documents.find(body)
    return refused.value.code


def persisted(named: Any) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": named}}}


OPEN = TrustedDocuments({HASH: TEXT})
ONLY = TrustedDocuments({HASH: TEXT}, only=True)


# Asking


@pytest.mark.parametrize("documents", [OPEN, ONLY])
@pytest.mark.parametrize(
    "body",
    [
        persisted(HASH),
        persisted(HASH.upper()),
        {"documentId": f"sha256:{HASH}"},
        {"documentId": HASH, "query": None, "extensions": {}},
    ],
)
def test_a_document_is_found_by_its_hash(documents: TrustedDocuments, body: dict[str, Any]) -> None:
    assert documents.find(body) == TEXT


@pytest.mark.parametrize("documents", [OPEN, ONLY])
@pytest.mark.parametrize(
    "body",
    [
        persisted(UNKNOWN),
        persisted(None),
        persisted(7),
        {"extensions": {"persistedQuery": "x"}},
        {"documentId": UNKNOWN},
        {"documentId": ["x"]},
        {"documentId": ""},
    ],
)
def test_an_unknown_hash_is_refused(documents: TrustedDocuments, body: dict[str, Any]) -> None:
    assert refused_code(documents, body) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    "body", [{"query": TEXT}, {"query": "{ x }"}, {"query": TEXT} | persisted(HASH)]
)
def test_where_only_trusted_documents_are_read_none_is_sent(body: dict[str, Any]) -> None:
    assert refused_code(ONLY, body) == "DOCUMENT_NOT_TRUSTED"


@pytest.mark.parametrize("body", [{"query": "{ x }"}, {"query": TEXT} | persisted(HASH)])
def test_elsewhere_anybody_may_send_a_document(body: dict[str, Any]) -> None:
    assert OPEN.find(body) is None


def test_a_document_sent_with_the_hash_of_another_is_refused() -> None:
    assert refused_code(OPEN, {"query": "{ x }"} | persisted(HASH)) == "DOCUMENT_HASH_MISMATCH"


def test_no_request_registers_a_document() -> None:
    sent = "{ viewer { role } }"
    named = sha256(sent.encode()).hexdigest()
    assert OPEN.find({"query": sent} | persisted(named)) is None

    assert refused_code(OPEN, persisted(named)) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize("documents", [OPEN, ONLY])
@pytest.mark.parametrize("body", [{}, {"extensions": "x"}, {"variables": {}}])
def test_a_request_without_any_document_is_not_ours_to_judge(
    documents: TrustedDocuments, body: dict[str, Any]
) -> None:
    assert documents.find(body) is None


# Registering


def test_a_manifest_of_hashes_and_texts_is_read(tmp_path: Path) -> None:
    content = {HASH: TEXT, f"sha256:{sha256(CHINESE.encode()).hexdigest()}": CHINESE}

    documents = TrustedDocuments.from_file(manifest(tmp_path, content), only=True)

    assert sorted(documents.texts.values()) == sorted([TEXT, CHINESE])
    assert documents.only
    assert documents.find(persisted(HASH)) == TEXT


def test_the_manifest_of_apollos_clients_is_read(tmp_path: Path) -> None:
    operation = {"id": HASH, "name": "Viewer", "type": "query", "body": TEXT}
    content = {
        "format": "apollo-persisted-query-manifest",
        "version": 1,
        "operations": [operation],
    }

    documents = TrustedDocuments.from_file(manifest(tmp_path, content))

    assert documents.texts == {HASH: TEXT}
    assert not documents.only


APOLLO = {"format": "apollo-persisted-query-manifest"}


@pytest.mark.parametrize(
    "content",
    [
        [],
        {HASH: TEXT + " "},
        {HASH: 7},
        {"x": TEXT},
        {HASH.upper(): TEXT},
        APOLLO,
        APOLLO | {"version": 2, "operations": []},
        APOLLO | {"version": 1, "operations": {}},
        APOLLO | {"version": 1, "operations": [7]},
        APOLLO | {"version": 1, "operations": [{"id": HASH}]},
        APOLLO | {"version": 1, "operations": [{"id": UNKNOWN, "body": TEXT}]},
    ],
)
def test_a_manifest_that_is_not_what_it_says_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(ManifestError):
        TrustedDocuments.from_file(manifest(tmp_path, content))


def test_a_manifest_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")

    for name in ("broken.json", "missing.json"):
        with pytest.raises(ManifestError):
            TrustedDocuments.from_file(tmp_path / name)
