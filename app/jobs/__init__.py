"""Work that a process does by itself: purge, alerts, the audit chain, webhook delivery."""
