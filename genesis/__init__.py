"""Genesis: cameras in, knowledge out, with no event lost.

    from genesis import subscribe

is all that a handler of your own needs; see `genesis.subscriptions`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genesis.subscriptions import Retry, subscribe

__all__ = ["Retry", "__version__", "subscribe"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load what declares handlers when it is asked for: `genesis --help` has none."""
    if name in __all__:
        from genesis import subscriptions  # noqa: PLC0415

        return getattr(subscriptions, name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
