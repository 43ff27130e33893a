"""ASGI middleware and the server protocol."""
