"""The audit log and its chain, the outbox, webhooks."""
