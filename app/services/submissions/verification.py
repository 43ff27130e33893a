"""Verification of a summary: whether the same answers still give it.

Responsible for: recomputing and comparing. Never: accepts drafts; they have no summary yet.
"""

from app.errors import NotSubmitted
from app.rules.engine.diff import diff_provenance, provenance
from app.services.submissions.assessment import Assessment, Json


def require_submitted(assessment: Assessment) -> None:
    """Raise NotSubmitted for a draft."""
    if assessment.record.summary_provenance is None:
        raise NotSubmitted("There is a summary once it has been submitted.")


def verify(assessment: Assessment) -> Json:
    """Return whether the summary equals the one in the record, and what differs. Raises NotSubmitted."""
    require_submitted(assessment)
    then = assessment.record.summary_provenance or {}
    digest = assessment.rendered_summary["digest"]
    differences = diff_provenance(then, provenance(assessment.edition, assessment.evaluation, digest))
    return {
        "identical": not differences,
        "digest": then["digest"],
        "recomputed_digest": digest,
        "edition": assessment.edition.version,
        "article_sha256": assessment.edition.article.article.sha256,
        "differences": differences,
    }
