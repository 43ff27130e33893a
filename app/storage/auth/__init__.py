"""API keys, staff users, sessions and login throttles."""
