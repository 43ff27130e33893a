"""Submissions, form tokens, alerts, the contact index."""
