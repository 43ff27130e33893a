"""Black-box tests: real server processes, real databases, faults from outside. Never: inspects internals."""
