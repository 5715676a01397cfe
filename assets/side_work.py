"""Pieces of work done beside the thread that deals them out, in a few threads; their results come back in order, and few wait.

Knows nothing of pictures. Threads and not processes: what is done here (OpenCV, PNG, files, sockets) lets go of the interpreter.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


def in_order(pieces: Iterable[Callable[[], T]], *, workers: int, waiting: int) -> Iterator[T]:
    """Results of pieces of work in the order of the pieces, at most `waiting` of them begun or done and not yet fetched.

    With 0 workers each piece is done when its turn comes, in this thread. The next piece is asked for while others are at work. What a piece
    raises comes out in its turn; pieces behind it that have not begun are dropped then, those that have are waited for and lost.
    """
    if workers == 0:
        for piece in pieces:
            yield piece()
        return
    begun: deque[Future[T]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="side work")
    try:
        for piece in pieces:
            while len(begun) >= waiting or (begun and begun[0].done()):
                yield begun.popleft().result()
            begun.append(pool.submit(copy_context().run, piece))
        while begun:
            yield begun.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
