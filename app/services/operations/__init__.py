"""What an operator does: retention, erasure, legal holds, key rotation, status."""
