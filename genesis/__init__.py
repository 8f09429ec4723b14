"""Genesis: cameras in, knowledge out, with no event lost.

    from genesis import subscribe

is all that a handler of your own needs; see `genesis.subscriptions`.
"""

from genesis.subscriptions import Retry, subscribe

__all__ = ["Retry", "__version__", "subscribe"]

__version__ = "0.1.0"
