"""HTTP itself: bodies, preconditions, pagination, problems, rate limits."""
