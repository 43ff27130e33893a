"""What a booking system asks for: one-time links and readiness."""
