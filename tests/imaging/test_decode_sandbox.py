"""The decode worker: same results as in process, and every way for it to die is a refusal of one file only."""

import os
import signal
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from catalog.errors import PhotoRefused
from imaging.decode_sandbox import DecodeSandbox, SandboxLimits
from imaging.photo import PhotoLimits, decode_photo
from tests.poison_photos import all_poison, encode, sample_picture

GOOD = encode(sample_picture(), "JPEG")


def code_of(sandbox: DecodeSandbox, data: bytes, name: str = "a.jpg") -> str:
    with pytest.raises(PhotoRefused) as refusal:
        sandbox.decode(data, name=name)
    return refusal.value.code


def heavy_jpeg() -> bytes:
    """A picture of 40 megapixels whose last scan comes fifty times: a file of 20 MB that takes 4 CPU-seconds or more."""
    pixels = np.random.default_rng(0).integers(0, 255, (50, 80), dtype=np.uint8)
    jpeg = encode(Image.fromarray(pixels).resize((8000, 5000), Image.Resampling.BILINEAR), "JPEG", progressive=True)
    last_scan = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    return jpeg[:-2] + last_scan * 50 + jpeg[-2:]


def test_the_sandbox_gives_what_decoding_in_process_gives():
    with DecodeSandbox() as sandbox:
        for poison in all_poison():
            if len(poison.data) > 200_000:
                continue
            if poison.code is not None:
                assert code_of(sandbox, poison.data, poison.name) == poison.code, poison.title
                continue
            inside, outside = sandbox.decode(poison.data, name=poison.name), decode_photo(poison.data, name=poison.name)
            np.testing.assert_array_equal(inside.pixels_HW3, outside.pixels_HW3)
            facts = [{k: v for k, v in vars(photo).items() if k != "pixels_HW3"} for photo in (inside, outside)]
            assert facts[0] == facts[1], poison.title


def test_one_worker_serves_many_photos_and_is_then_replaced():
    with DecodeSandbox(limits=SandboxLimits(photos_per_worker=3)) as sandbox:
        workers = []
        for _ in range(7):
            sandbox.decode(GOOD)
            assert sandbox.worker_pid is not None
            workers.append(sandbox.worker_pid)
    assert workers == [workers[0]] * 3 + [workers[3]] * 3 + [workers[6]]
    assert len(set(workers)) == 3


def test_closing_ends_the_worker():
    sandbox = DecodeSandbox()
    sandbox.decode(GOOD)
    pid = sandbox.worker_pid
    sandbox.close()
    assert sandbox.worker_pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_photo_that_takes_too_much_cpu_time_is_refused_and_the_next_one_is_read():
    with DecodeSandbox(limits=SandboxLimits(cpu_s=0)) as sandbox:
        sandbox.decode(GOOD)
        heavy = heavy_jpeg()
        codes = {code_of(sandbox, heavy) for _ in range(2)}
        assert sandbox.decode(GOOD).width_px == 120
    assert codes == {"decode_timeout"}


def test_a_worker_that_hangs_is_given_up_after_its_time():
    with DecodeSandbox(limits=SandboxLimits(wall_s=0.5)) as sandbox:
        sandbox.decode(GOOD)
        os.kill(sandbox.worker_pid, signal.SIGSTOP)
        assert code_of(sandbox, GOOD) == "decode_timeout"
        assert sandbox.decode(GOOD).width_px == 120


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not enforce RLIMIT_AS")
def test_a_photo_that_needs_too_much_memory_is_refused_and_the_next_one_is_read():
    with DecodeSandbox(limits=SandboxLimits(memory_bytes=300_000_000)) as sandbox:
        assert code_of(sandbox, heavy_jpeg()) == "decode_memory"
        assert sandbox.decode(GOOD).width_px == 120
        assert "memory" in sandbox.enforced


def test_a_worker_that_dies_is_a_refusal_of_its_file_only():
    with DecodeSandbox() as sandbox:
        sandbox.decode(GOOD)
        pid = sandbox.worker_pid
        os.kill(pid, signal.SIGSTOP)
        killer = threading.Timer(0.3, os.kill, (pid, signal.SIGSEGV))
        resumer = threading.Timer(0.4, os.kill, (pid, signal.SIGCONT))
        killer.start()
        resumer.start()
        assert code_of(sandbox, GOOD) == "decode_crashed"
        assert sandbox.decode(GOOD).width_px == 120


def test_the_limits_of_the_photo_hold_in_the_worker():
    with DecodeSandbox(photo_limits=PhotoLimits(max_pixels=5000, formats=("JPEG",))) as sandbox:
        assert code_of(sandbox, GOOD) == "too_many_pixels"
        assert code_of(sandbox, encode(sample_picture(), "PNG"), "a.png") == "unsupported_format"


def test_the_worker_sees_no_secret_of_its_parent(monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "canary")
    with DecodeSandbox() as sandbox:
        sandbox.decode(GOOD)
        if not os.path.exists(f"/proc/{sandbox.worker_pid}/environ"):  # noqa: PTH110
            pytest.skip("no /proc on this system to read a process's environment from")
        with open(f"/proc/{sandbox.worker_pid}/environ", "rb") as environment:  # noqa: PTH123
            assert b"canary" not in environment.read()


def test_threads_share_a_sandbox():
    results, started = [], time.monotonic()
    with DecodeSandbox() as sandbox:
        threads = [threading.Thread(target=lambda: results.append(sandbox.decode(GOOD).width_px)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == [120] * 8, f"after {time.monotonic() - started:.1f} s"
