"""Who may do what: API keys, staff users, sessions, login, permissions."""
