"""Figures and charts over many submissions."""
