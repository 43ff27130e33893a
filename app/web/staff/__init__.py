"""The staff app."""
