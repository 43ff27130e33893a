"""One-time links and readiness."""
