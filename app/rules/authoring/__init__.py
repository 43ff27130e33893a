"""Reading and checking an edition before it is published."""
