"""`preconsult openapi`: the OpenAPI description. Never: prints anything but JSON on stdout."""

import json

import click

from app.environment import load_settings
from app.main import build
from app.rules.library import CONTENT, load_library


@click.command("openapi")
def print_openapi() -> None:
    """Print the OpenAPI description as JSON on stdout."""
    document = build(load_library(load_settings().content_dir or CONTENT), development=False).openapi()
    click.echo(json.dumps(document, ensure_ascii=False, indent=1))
