"""The thread that judges samples, and the bounded queue before it. One of each in a process.

Judging takes milliseconds to seconds on the host; calls come faster. What finds the queue full is dropped and counted:
a sample is a sample. The thread is a daemon: at the end of the process what still waits is not judged.

It computes on one core. GNU's OpenMP gives each thread that computes a team of its own, and lets all teams of a process
sleep sooner once there are more members than cores: on two cores an application's own `torch.softmax` of 4 × 64 took
13 µs instead of 2 from the first samples on (docs/results/platform.md).
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable
from typing import Final

import torch
from threadpoolctl import threadpool_limits

Job = Callable[[], None]
LOG: Final = logging.getLogger("kernelgate.rollout")


class Shadow:
    """Does one job after the other, in a thread that begins with the first; again in a process that was forked."""

    def __init__(self, capacity: int) -> None:
        """Begins without a thread; `capacity` jobs may wait."""
        self._capacity = capacity
        self._lock = threading.Lock()
        self._begin()

    def _begin(self) -> None:
        self._jobs: queue.Queue[Job] = queue.Queue(self._capacity)
        self._thread: threading.Thread | None = None
        self._process = os.getpid()

    @property
    def is_full(self) -> bool:
        """Whether a job would be dropped."""
        return self._process == os.getpid() and self._jobs.full()

    def offer(self, job: Job) -> bool:
        """Queues a job; False where it was dropped. Never waits."""
        with self._lock:
            if self._process != os.getpid():  # threads stay behind in a fork
                self._begin()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="kernelgate-shadow", daemon=True)
                self._thread.start()
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            return False
        return True

    def wait(self) -> None:
        """Waits until all that was queued is done."""
        self._jobs.join()

    def _work(self) -> None:
        _take_one_core()
        jobs = self._jobs
        while True:
            job = jobs.get()
            try:
                job()
            except Exception:  # our own fault must not end the watching
                LOG.exception("a sampled call could not be judged")
            finally:
                jobs.task_done()


def _take_one_core() -> None:
    """Ends OpenMP's teams of this thread; those of others, and what PyTorch gives to later threads, stay."""
    torch.get_num_threads()  # the first question of a thread sets its number, the next ones leave it
    threadpool_limits(1, "openmp")
