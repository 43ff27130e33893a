"""Queries of the dashboard."""
