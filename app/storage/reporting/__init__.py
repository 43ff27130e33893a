"""Rows behind figures."""
