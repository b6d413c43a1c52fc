"""Virtual time for asyncio: a loop whose clock jumps to the next timer when nothing is ready.

Timers, `asyncio.sleep`, `asyncio.timeout` and `loop.call_later` then take no real time, and a
wait that nothing can end is an error at once, instead of a test that hangs. For code without
sockets and threads: real answers would come later than every timer.

    def test_something() -> None:
        run_virtual(scenario())

    @in_virtual_time
    async def test_something_else() -> None: ...
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import selectors
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

T = TypeVar("T")
P = ParamSpec("P")

EPOCH = 1_767_225_600.0
"""2026-01-01T00:00:00Z, in Unix seconds: when virtual time begins, unless told otherwise."""


class Deadlock(AssertionError):
    """Nothing is ready, no timer is set, no socket is open: nothing can ever happen again."""


class OutOfRealTime(AssertionError):
    """Virtual time went on and on without the coroutine coming to its end."""


class JumpingSelector(selectors.BaseSelector):
    """A selector that passes the time by moving its own clock, `now`, instead of waiting."""

    def __init__(self, real_deadline: float) -> None:
        """Raise OutOfRealTime once the machine's monotonic clock is past `real_deadline`."""
        self.now = 0.0
        self.real_deadline = real_deadline
        self._real = selectors.DefaultSelector()

    def register(
        self, fileobj: FileDescriptorLike, events: int, data: Any = None
    ) -> selectors.SelectorKey:
        """Watch a file."""
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        """Watch a file no longer."""
        return self._real.unregister(fileobj)

    def modify(
        self, fileobj: FileDescriptorLike, events: int, data: Any = None
    ) -> selectors.SelectorKey:
        """Watch a file for something else."""
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[FileDescriptorLike, selectors.SelectorKey]:
        """The files that are watched."""
        return self._real.get_map()

    def close(self) -> None:
        """Let go of the watched files."""
        self._real.close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now; when nothing is, move the clock by `timeout` seconds."""
        left = self.real_deadline - time.monotonic()
        if left <= 0:
            raise OutOfRealTime(f"still going at {self.now:g} s of virtual time")
        ready = self._real.select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            return self._wait_for_sockets(left)
        self.now += timeout
        return []

    def _wait_for_sockets(self, left: float) -> list[tuple[selectors.SelectorKey, int]]:
        """Without a timer only a socket can end the wait; the loop's own pipe is none."""
        if len(self.get_map()) <= 1:
            raise Deadlock(f"at {self.now:g} s of virtual time nothing can happen any more")
        return self._real.select(left)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time, which begins at 0."""

    def __init__(self, limit_seconds_of_real_time: float) -> None:
        """Keep what nobody catches in `unhandled` instead of only logging it."""
        self._jumping = JumpingSelector(0.0)
        self.allow(limit_seconds_of_real_time)
        self.unhandled: list[str] = []
        super().__init__(self._jumping)
        # Years from 0 a float's next neighbour is further off than the machine's resolution,
        # and the loop would find a timer neither due nor in the future.
        self._clock_resolution = 1e-6
        self.set_exception_handler(VirtualLoop._remember)

    def time(self) -> float:
        """Seconds of virtual time since the loop was made."""
        return self._jumping.now

    def allow(self, seconds: float) -> None:
        """Go on for so many seconds of real time from now."""
        self._jumping.real_deadline = time.monotonic() + seconds

    @staticmethod
    def _remember(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        assert isinstance(loop, VirtualLoop)
        loop.unhandled.append(f"{context['message']}: {context.get('exception')!r}")


class VirtualClock:
    """The `gateway.clock.Clock` of a running virtual loop."""

    def __init__(self, base: float = EPOCH) -> None:
        """`base` is what `now` says when the loop begins, in Unix seconds."""
        self._base = base

    def now(self) -> float:
        """Unix seconds."""
        return self._base + self.monotonic()

    def jump(self, seconds: float) -> None:
        """Somebody sets the wall clock forward, or back."""
        self._base += seconds

    def monotonic(self) -> float:
        """Seconds since the loop began."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        await asyncio.sleep(seconds)


def run_virtual(coro: Coroutine[Any, Any, T], *, limit_seconds_of_real_time: float = 30.0) -> T:
    """Run a coroutine in virtual time; its result. Tasks it leaves behind are cancelled.

    Raises Deadlock, OutOfRealTime, AssertionError for an exception that nobody caught, and
    whatever the coroutine raises.
    """
    loop = VirtualLoop(limit_seconds_of_real_time)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        try:
            result = runner.run(coro)
        except (Deadlock, OutOfRealTime) as stuck:
            loop.allow(limit_seconds_of_real_time)  # the tasks' own clean-up comes now
            raise type(stuck)(f"{stuck}; waiting are:\n{_waiting(loop)}") from None
    assert not loop.unhandled, "nobody caught: " + "; ".join(loop.unhandled)
    return result


def in_virtual_time(
    test: Callable[P, Coroutine[Any, Any, None]],
) -> Callable[P, None]:
    """Make an async test one that runs in virtual time."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        run_virtual(test(*args, **kwargs))

    return run


def _waiting(loop: asyncio.AbstractEventLoop) -> str:
    """A line for each unfinished task: its name, and the calls it waits in, outermost first."""
    return "\n".join(
        sorted(f"  {task.get_name()}: {_calls(task)}" for task in asyncio.all_tasks(loop))
    )


def _calls(task: asyncio.Task[Any]) -> str:
    """Follow a task's coroutine through those it awaits."""
    calls: list[str] = []
    awaited: Any = task.get_coro()
    while inspect.iscoroutine(awaited) and awaited.cr_frame is not None:
        calls.append(f"{awaited.cr_code.co_qualname}:{awaited.cr_frame.f_lineno}")
        awaited = awaited.cr_await
    return " > ".join(calls)
