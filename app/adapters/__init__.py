"""Connections to other systems: mail servers, webhook receivers, Redis."""
