"""Sends messages after the answer, so that the time of a mail server does not reveal whether an account exists."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures.thread  # noqa: F401 - it cannot be loaded any more while the process ends
import os
import queue
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from typing import Any, Callable, Optional

from .causes import cause_of
from .constants import MESSAGE_PATIENCE_MS, MESSAGE_PAUSES_MS
from .errors import unwrap
from .functions import call, call_blocking
from .letters import Letter, Message
from .names import to_snake
from .testing import Mailbox

#: The waits before the second and the third attempt, in seconds.
PAUSES = tuple(pause / 1000 for pause in MESSAGE_PAUSES_MS)
#: The longest time that ``send`` may take, in seconds.
PATIENCE = MESSAGE_PATIENCE_MS / 1000
#: The longest time that the end of the process waits for messages, in seconds.
LAST = 10.0
#: The time between two looks at messages that other threads send, in seconds.
GLANCE = 0.01
#: The number of threads that send for servers without an event loop, and of messages that may wait for them.
THREADS, PLACES = 4, 1000


class Outbox:
    """The messages of a server. ``event_of`` makes the log entry of a kind, channel, cause and request id."""

    def __init__(
        self, option: Any, event_of: Callable[[str, str, Optional[str], Optional[str]], str], log: Callable[[Any], None]
    ) -> None:
        self._option = option
        self._event_of = event_of
        self._log = log
        self.forget()
        _OUTBOXES.add(self)

    def forget(self) -> None:
        """Starts afresh in a child process, which has no threads and whose parent sends the earlier messages."""
        self._tasks: dict[asyncio.Task[None], Letter] = {}
        self._queue: queue.Queue[Letter] = queue.Queue(PLACES)
        #: The letters in the queue, and those that a thread took out of it and has not finished.
        self._waiting: set[Letter] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    @property
    def is_on(self) -> bool:
        """Whether there are messages at all."""
        return self._option is not None

    @property
    def mailbox(self) -> Optional[Mailbox]:
        """The mailbox of a test, if it takes the messages."""
        return self._option if isinstance(self._option, Mailbox) else None

    def post(self, messages: list[Any]) -> None:
        """Starts to send messages in an event loop. Only ``drain`` waits for them."""
        self.adopt()
        for message in self._others(messages):
            letter = Letter(message)
            task = asyncio.get_running_loop().create_task(self._deliver(letter))
            with self._lock:
                self._tasks[task] = letter
            task.add_done_callback(self._ended)

    def post_blocking(self, messages: list[Any]) -> None:
        """Has threads send messages. The calling thread does not wait."""
        self.adopt()
        for message in self._others(messages):
            self._enqueue(Letter(message))

    async def drain(self) -> None:
        """Returns when no message is on its way any more. It waits for messages of another running loop for the time
        of three attempts."""
        here = asyncio.get_running_loop()
        until = time.monotonic() + (len(PAUSES) + 1) * PATIENCE + sum(PAUSES) + 1
        while True:
            self.adopt()
            with self._lock:
                tasks = list(self._tasks)
            own = [task for task in tasks if task.get_loop() is here]
            if own:
                await asyncio.wait(own)
            elif self._waiting or (tasks and time.monotonic() < until):
                await asyncio.sleep(GLANCE)
            else:
                return

    def drain_blocking(self) -> None:
        """``drain`` for a thread that may block. It leaves messages of a running event loop to that loop."""
        self.adopt()
        self._queue.join()

    def finish(self, until: float) -> None:
        """Waits at the end of the process, until an instant of ``time.monotonic()``. Unsent messages are logged as
        failures."""
        while self._waiting and time.monotonic() < until:
            time.sleep(GLANCE)
        for letter in list(self._waiting):
            self._tell(letter.message, "the process ended before it was sent")

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Hands the messages of a loop that ends, which cancels its tasks, to threads."""
        with self._lock:
            letter = self._tasks.pop(task, None)
        if letter is not None and task.cancelled():
            self._hand_over(letter)

    def adopt(self) -> None:
        """Makes threads send the messages of loops that do not run."""
        if not self._tasks:
            return
        with self._lock:
            idle = [task for task in self._tasks if not task.get_loop().is_running()]
            left = [self._tasks.pop(task) for task in idle]
        for letter in left:
            self._hand_over(letter)

    def _hand_over(self, letter: Letter) -> None:
        letter.moved = True
        self._enqueue(Letter(letter.message, letter))

    def _enqueue(self, letter: Letter) -> None:
        self._waiting.add(letter)
        try:
            self._queue.put_nowait(letter)
            self._start_thread()
        except queue.Full:
            self._waiting.discard(letter)
            self._tell(letter.message, "too many messages wait")

    def _start_thread(self) -> None:
        with self._lock:
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            if len(self._threads) == THREADS:
                return
            thread = threading.Thread(target=self._work, name="sentri-messages", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return  # The process is ending, and `finish` logs the messages that still wait.
            self._threads.append(thread)

    def _others(self, messages: list[Any]) -> list[Message]:
        """The messages that no mailbox took at once."""
        mailbox = self.mailbox
        if mailbox is None:
            return [to_snake(message) for message in messages]
        for message in map(to_snake, messages):
            self._tell(message, mailbox.take(message))
        return []

    async def _deliver(self, letter: Letter) -> None:
        message, pause = letter.message, letter.wait
        while True:
            await asyncio.sleep(pause)
            if letter.moved:
                return
            error: Optional[BaseException] = None
            try:
                send = letter.noted(self._send())
                await asyncio.wait_for(call(send, dict(message), message["context"]), PATIENCE)
            except Exception as raised:
                error = raised
            again = None if letter.moved else self._settle(letter, error)
            if again is None:
                return
            pause = again

    def _work(self) -> None:
        while True:
            letter = self._queue.get()
            try:
                self._deliver_blocking(letter)
            finally:
                self._waiting.discard(letter)
                self._queue.task_done()

    def _deliver_blocking(self, letter: Letter) -> None:
        pause: Optional[float] = letter.wait
        until = time.monotonic() + PATIENCE
        while letter.before and letter.before.busy and time.monotonic() < until:
            time.sleep(GLANCE)
        if letter.before and letter.before.sent:
            return self._tell(letter.message, None)
        while pause is not None:
            time.sleep(pause)
            pause = self._settle(letter, self._attempt(letter.message))

    def _settle(self, letter: Letter, error: Optional[BaseException]) -> Optional[float]:
        """Logs the outcome of a message, or returns the seconds before its next attempt."""
        if error is not None and letter.failed < len(PAUSES):
            letter.failed += 1
            return PAUSES[letter.failed - 1]
        self._tell(letter.message, None if error is None else cause_of(error, letter.message))
        return None

    def _attempt(self, message: Message) -> Optional[BaseException]:
        ended: list[Optional[BaseException]] = []

        def run() -> None:
            try:
                call_blocking(self._send(), dict(message), message["context"])
                ended.append(None)
            except BaseException as error:
                ended.append(error)

        # The function gets its own thread, since nothing can end a function that hangs.
        thread = threading.Thread(target=run, name="sentri-send", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            run()  # Python 3.12 and later start no thread while the process ends.
        else:
            thread.join(PATIENCE)
        return ended[0] if ended else TimeoutError()

    def _send(self) -> Callable[..., Any]:
        if self._option == "console":
            return print_message
        option: Mapping[str, Any] = self._option
        send: Callable[..., Any] = option["send"]
        return send

    def _tell(self, message: Message, cause: Optional[str]) -> None:
        request_id = message["context"]["request_id"]
        self._log(unwrap(self._event_of(message["kind"], message["channel"], cause, request_id)))


def print_message(message: Message, _context: Any) -> None:
    """Prints a message on standard error, while developing."""
    secrets = [f"code {message['code']}" if "code" in message else "", message.get("url", "")]
    shown = ", ".join(secret for secret in secrets if secret)
    print(f"sentri: message {message['kind']} to {message['to']}{': ' + shown if shown else ''}", file=sys.stderr)


_OUTBOXES: weakref.WeakSet[Outbox] = weakref.WeakSet()


def _end() -> None:
    """Waits at the end of the process for threads to send their messages, since they end with it."""
    until = time.monotonic() + LAST
    for outbox in list(_OUTBOXES):
        outbox.adopt()
    for outbox in list(_OUTBOXES):
        outbox.finish(until)


def _after_fork() -> None:
    for outbox in list(_OUTBOXES):
        outbox.forget()


# This runs before `concurrent.futures` ends its threads, in which asynchronous functions resolve host names.
getattr(threading, "_register_atexit", atexit.register)(_end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
