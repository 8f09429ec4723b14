"""`genesis config`: check and show the settings."""

from __future__ import annotations

import json
from typing import Any

import click


@click.group("config")
def command() -> None:
    """Check and show the settings."""


@command.command()
def check() -> None:
    """Read the settings; say what is wrong, or that nothing is."""
    from genesis.settings import current  # noqa: PLC0415 - --help stays quick
    from genesis.subscriptions import load_subscriptions  # noqa: PLC0415

    settings = current()
    registry = load_subscriptions(settings.handlers)
    click.echo(f"settings are fine: {settings.event_driven.mode} mode, {len(settings.cameras)} cameras, {len(registry)} subscriptions")


@command.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--markdown", is_flag=True, help="Every setting with its default and meaning, as a Markdown table.")
def show(*, as_json: bool, markdown: bool) -> None:
    """Show the settings in force; passwords are masked."""
    from genesis.settings import current, described  # noqa: PLC0415 - --help stays quick

    if markdown:
        click.echo(markdown_table(described()))
        return
    values = _masked(current().model_dump(mode="json"))
    if as_json:
        click.echo(json.dumps(values, indent=2))
        return
    import yaml  # noqa: PLC0415

    click.echo(yaml.safe_dump(values, sort_keys=False).rstrip())


def markdown_table(rows: list[tuple[str, str, Any, str]]) -> str:
    """Return the settings as a Markdown table, one row each."""
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for key, _, default, text in rows:
        shown = "" if default is None else json.dumps(default, default=str)
        meaning = text.replace("|", "\\|")
        lines.append(f"| `{key}` | `{shown}` | {meaning} |" if shown else f"| `{key}` | | {meaning} |")
    return "\n".join(lines)


def _hidden(value: str) -> str:
    scheme, found, _ = value.partition("://")
    return f"{scheme}://***" if found else "***"


def _masked(value: Any) -> Any:
    from genesis.masking import mask, names_secret  # noqa: PLC0415

    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        # Many a hook has its secret in the path.
        hidden = {"url"} if "secret" in value else set()
        return {
            key: _hidden(inner) if inner and isinstance(inner, str) and (key in hidden or names_secret(key)) else _masked(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_masked(inner) for inner in value]
    return value
