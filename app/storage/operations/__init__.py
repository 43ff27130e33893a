"""Retention and files that are only appended to."""
