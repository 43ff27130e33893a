"""Rows behind the work of staff."""
