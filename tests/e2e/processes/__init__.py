"""Black-box tests: real server processes, real databases, faults from outside. Refuses: to look inside."""
