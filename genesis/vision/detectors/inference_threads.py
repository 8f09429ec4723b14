"""Hold an inference engine to a number of CPU threads while ultralytics makes it.

Ultralytics has no setting for this. OpenVINO takes every core and pins its threads, which is right for one process
alone and wrong for several beside each other; ONNX Runtime takes every core too. Ultralytics looks up `openvino.Core` and
`onnxruntime.InferenceSession` at the moment it loads a model: for that moment these names stand for classes that know
the limit.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator
from typing import Any

from genesis.vision.detectors.weights import Kind


@contextlib.contextmanager
def limited(kind: Kind, threads: int) -> Iterator[None]:
    """Let engines that are made inside this block use at most `threads` CPU threads.

    Not for two threads of one process at once: the names are replaced for the whole process.

    Args:
        kind: of the weights; torch's own threads (`pt`) are not limited here, but by `torch.set_num_threads` after loading.
        threads: per engine; 0 leaves the engine's own choice.
    """
    if not threads or kind not in _ENGINES:
        yield
        return
    package, name, make = _ENGINES[kind]
    module = importlib.import_module(package)
    original = getattr(module, name)
    setattr(module, name, make(original, module, threads))
    try:
        yield
    finally:
        setattr(module, name, original)


def _limited_core(core: Any, _module: Any, threads: int) -> Any:
    class LimitedCore(core):  # type: ignore[misc] # the base is known at run time only
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            if "CPU" in self.available_devices:
                self.set_property("CPU", {"INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": False})

    return LimitedCore


def _limited_session(session: Any, module: Any, threads: int) -> Any:
    class LimitedSession(session):  # type: ignore[misc] # the base is known at run time only
        def __init__(self, model: Any, sess_options: Any = None, *args: Any, **options: Any) -> None:
            chosen = sess_options or module.SessionOptions()
            chosen.intra_op_num_threads = threads
            chosen.inter_op_num_threads = 1
            # An idle thread that spins takes the core from the worker beside it.
            chosen.add_session_config_entry("session.intra_op.allow_spinning", "0")
            super().__init__(model, chosen, *args, **options)

    return LimitedSession


_ENGINES: dict[str, tuple[str, str, Callable[[Any, Any, int], Any]]] = {
    "openvino": ("openvino", "Core", _limited_core),
    "onnx": ("onnxruntime", "InferenceSession", _limited_session),
}
