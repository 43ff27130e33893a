"""Tables and columns, one module per capability."""
