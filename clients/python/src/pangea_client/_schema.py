"""The schema, loaded once. What it promises stands in `pangea.capnp` beside this file."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import capnp


def _load() -> Any:
    # `-> stream` refers to capnp/stream.capnp, which pycapnp carries in its own package. A load without it on the
    # import path ends the whole process instead of raising, so its absence is looked for first.
    standard = Path(capnp.__file__).parent
    if not (standard / "stream.capnp").is_file():
        raise ImportError(f"pycapnp {capnp.__version__} lacks stream.capnp in {standard}; install pycapnp 2.2 or later")
    module: ModuleType = capnp.load(str(Path(__file__).with_name("pangea.capnp")), imports=[str(standard.parent)])
    return module


schema: Any = _load()
