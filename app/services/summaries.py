"""A summary that was given, and whether the same answers still give it.

Office: recomputes and compares. Refuses: drafts; nothing was said to them yet.
"""

from app.errors import NotSubmitted
from app.rules.compare import trace, trace_differences
from app.services.drawn import Drawn, Json


def require_submitted(drawn: Drawn) -> None:
    """Raises NotSubmitted for a draft."""
    if drawn.record.trace is None:
        raise NotSubmitted("There is a summary once it has been submitted.")


def verify(drawn: Drawn) -> Json:
    """Is the summary identical to the one kept in the record, or what differs. Raises NotSubmitted."""
    require_submitted(drawn)
    then = drawn.record.trace or {}
    digest = drawn.said["digest"]
    differences = trace_differences(then, trace(drawn.edition, drawn.evaluation, digest))
    return {
        "identical": not differences,
        "digest": then["digest"],
        "recomputed_digest": digest,
        "edition": drawn.edition.version,
        "article_sha256": drawn.edition.article.article.sha256,
        "differences": differences,
    }
