"""What the tests of the API share."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Service
from tests.people import Answers, body

Headers = dict[str, str]
Document = dict[str, Any]
Create = Callable[..., Document]


@pytest.fixture
def create(service: Service, website: Headers) -> Create:
    """Create a submission; its document, access token and all."""

    def post(answers: Answers, **more: Any) -> Document:
        answer = service.client.post("/v1/submissions", json=body(answers, **more), headers=website)
        assert answer.status_code == 201, answer.text
        document: Document = answer.json()
        return document

    return post


def bearer(document: Document) -> Headers:
    """The headers of the respondent who was given this document."""
    return {"authorization": f"Bearer {document['access_token']}"}


def rules(document: Document) -> list[str]:
    """The rules of a summary's topics."""
    return [topic["rule"] for topic in document["summary"]["topics"]]


def quoted(summary: Document) -> list[Document]:
    """Every quotation of a summary, in order."""
    return [quotation for topic in summary["topics"] for quotation in topic["quotations"]]
