"""Events, webhooks and the audit chain."""
