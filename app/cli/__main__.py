"""`python -m app.cli`: the same as `preconsult`."""

from app.cli import main

if __name__ == "__main__":
    main(prog_name="preconsult")
