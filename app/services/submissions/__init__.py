"""The life of a submission, from the first answer to the summary."""
