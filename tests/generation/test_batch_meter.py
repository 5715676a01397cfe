"""What a batch is charged with: the process's CPU seconds without those of threads that work beside the drawing, finished or not."""

import threading
import time

from generation.batch_meter import BatchMeter, beside_the_drawing

BURNED_S = 0.2


def burn():
    """Use CPU seconds of this thread until they are spent, however long that takes."""
    start = time.thread_time()
    while time.thread_time() - start < BURNED_S:
        sum(range(1000))


def burning(done, go_on, beside):
    """A thread that burns, says so, and lives on until it may end."""

    def work():
        if beside:
            with beside_the_drawing():
                burn()
                done.set()
                go_on.wait()
        else:
            burn()
            done.set()
            go_on.wait()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def charged(*, beside, ended):
    """CPU seconds that a batch is charged with in whose time another thread burns its own."""
    done, go_on = threading.Event(), threading.Event()
    meter = BatchMeter("cpu")
    thread = burning(done, go_on, beside)
    done.wait()
    if ended:
        go_on.set()
        thread.join()
    spent = meter.read(images=2)["cpu_seconds"] * 2
    go_on.set()
    thread.join()
    return spent


def test_a_batch_is_charged_with_the_drawings_own_threads_and_not_with_work_beside_it():
    assert charged(beside=False, ended=True) >= BURNED_S
    assert charged(beside=True, ended=True) < BURNED_S / 2
    assert charged(beside=True, ended=False) < BURNED_S / 2, "work that goes on is told apart, too"


def test_work_beside_that_began_before_a_batch_takes_nothing_from_it():
    done, go_on = threading.Event(), threading.Event()
    thread = burning(done, go_on, beside=True)
    done.wait()
    meter = BatchMeter("cpu")
    burn()
    go_on.set()
    thread.join()
    assert meter.read(images=1)["cpu_seconds"] >= 0.9 * BURNED_S
