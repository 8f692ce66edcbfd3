"""The KJ event loop under an asyncio loop: begun with the first connection, ended with the last.

A program that runs its own (`capnp.run`, `capnp.kj_loop`) keeps it: then it is neither begun nor ended here.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any
from weakref import WeakKeyDictionary

import capnp


class _Shared:
    def __init__(self, context: AbstractAsyncContextManager[Any] | None) -> None:
        self.context = context
        self.users = 0


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, _Shared] = WeakKeyDictionary()


async def enter_loop() -> None:
    loop = asyncio.get_running_loop()
    shared = _shared.get(loop)
    if shared is None:
        context = capnp.kj_loop()
        try:
            await context.__aenter__()
        except RuntimeError:  # the program's own is running
            context = None
        shared = _shared[loop] = _Shared(context)
    shared.users += 1


async def leave_loop() -> None:
    loop = asyncio.get_running_loop()
    shared = _shared.get(loop)
    if shared is None:
        return
    shared.users -= 1
    if shared.users == 0:
        del _shared[loop]
        if shared.context is not None:
            await shared.context.__aexit__(None, None, None)
