"""Made-up submissions and staff activity, marked as tests."""
