"""One cache per machine: made once, kept while it is used, the longest unused removed."""

import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from supervised_run import wait_until
from trainer.machine_cache import Found, MachineCache


def fill(size: int = 10):
    def make(folder: Path) -> None:
        (folder / "content").write_bytes(b"x" * size)

    return make


def test_what_is_there_is_found_and_not_made_again(tmp_path: Path) -> None:
    first = MachineCache(tmp_path).entry("bases", "abc", fill())
    second = MachineCache(tmp_path).entry("bases", "abc", lambda folder: pytest.fail("it was made again"))

    assert (first.hit, second.hit) == (False, True)
    assert second == Found(tmp_path / "entries" / "bases" / "abc", True)
    assert (second.folder / "content").read_bytes() == b"x" * 10


def test_a_making_that_fails_leaves_nothing_and_the_next_one_makes_it(tmp_path: Path) -> None:
    def broken(folder: Path) -> None:
        (folder / "half").write_bytes(b"x")
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        MachineCache(tmp_path).entry("bases", "abc", broken)
    assert list((tmp_path / "entries" / "bases").iterdir()) == []

    assert MachineCache(tmp_path).entry("bases", "abc", fill()).hit is False


def test_a_making_that_goes_on_finds_what_was_left_and_that_is_removed_like_an_entry(tmp_path: Path) -> None:
    def broken(folder: Path) -> None:
        fill(100)(folder)
        raise ConnectionError("gone")

    for key in ("abc", "other"):
        with pytest.raises(ConnectionError):
            MachineCache(tmp_path).entry("bases", key, broken, goes_on=True)
    left = tmp_path / "entries" / "bases" / ".other.making"
    aged(left, 2)

    found = MachineCache(tmp_path).entry("bases", "abc", lambda folder: (folder / "more").write_bytes(b"y") and None, goes_on=True)
    removed = MachineCache(tmp_path, limit_bytes=150).evict()

    assert sorted(path.name for path in found.folder.iterdir()) == ["content", "more"]
    assert removed == [left] and not left.exists()


def make_slowly(cache: Path, made: Any, gate: Any) -> None:
    def make(folder: Path) -> None:
        made.value += 1
        gate.wait(20)
        fill()(folder)

    MachineCache(cache).entry("bases", "abc", make)


def wait_for_it(cache: Path, found: Any, said: Any) -> None:
    entry = MachineCache(cache).entry("bases", "abc", fill(), lambda detail, fraction: said.put(detail))
    found.put(entry.hit)


def test_two_runs_at_once_make_it_once_and_the_second_says_that_it_waits(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    made, gate, found, said = context.Value("i", 0), context.Event(), context.Queue(), context.Queue()
    maker = context.Process(target=make_slowly, args=(tmp_path, made, gate))
    maker.start()
    wait_until(lambda: made.value == 1)
    waiter = context.Process(target=wait_for_it, args=(tmp_path, found, said))
    waiter.start()

    assert said.get(timeout=20).startswith("waiting for another run that fetches bases abc")
    gate.set()

    assert found.get(timeout=20) is True
    assert made.value == 1
    for process in (maker, waiter):
        process.join(20)


def test_a_maker_that_was_killed_holds_nobody_up(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    made, gate = context.Value("i", 0), context.Event()
    maker = context.Process(target=make_slowly, args=(tmp_path, made, gate))
    maker.start()
    wait_until(lambda: made.value == 1)

    os.kill(maker.pid or 0, signal.SIGKILL)
    maker.join(20)
    found = MachineCache(tmp_path).entry("bases", "abc", fill())

    assert found.hit is False
    assert [path.name for path in (tmp_path / "entries" / "bases").iterdir()] == ["abc"], "what the killed one left is gone"


def aged(folder: Path, days: int) -> None:
    then = time.time() - days * 86_400
    os.utime(folder, (then, then))


def test_over_the_limit_the_longest_unused_go_and_those_in_use_stay(tmp_path: Path) -> None:
    for name, days in (("oldest", 9), ("older", 5), ("young", 1)):
        aged(MachineCache(tmp_path, limit_bytes=10_000).entry("bases", name, fill(100)).folder, days)
    user = MachineCache(tmp_path, limit_bytes=10_000)
    aged(user.entry("bases", "oldest", fill()).folder, 9)

    removed = MachineCache(tmp_path, limit_bytes=250).evict()

    assert [folder.name for folder in removed] == ["older"], "the oldest is in use"
    assert sorted(folder.name for folder in (tmp_path / "entries" / "bases").iterdir()) == ["oldest", "young"]


def test_a_new_entry_makes_room_for_itself(tmp_path: Path) -> None:
    aged(MachineCache(tmp_path).entry("tokenized", "old", fill(100)).folder, 2)

    MachineCache(tmp_path, limit_bytes=150).entry("tokenized", "new", fill(100))

    assert [folder.name for folder in (tmp_path / "entries" / "tokenized").iterdir()] == ["new"]


def test_the_hubs_own_cache_counts_and_goes_by_the_same_rules(tmp_path: Path) -> None:
    for name in ("models--org--used", "models--org--unused"):
        blobs = tmp_path / "huggingface" / "hub" / name / "blobs"
        blobs.mkdir(parents=True)
        (blobs / "weights").write_bytes(b"w" * 100)
        aged(blobs.parent, 3)
    user = MachineCache(tmp_path)
    user.use(tmp_path / "huggingface" / "hub" / "models--org--used")

    removed = MachineCache(tmp_path, limit_bytes=50).evict()

    assert [folder.name for folder in removed] == ["models--org--unused"]


def test_the_limit_is_told_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEPLANE_CACHE_BYTES", "150")
    aged(MachineCache(tmp_path).entry("bases", "old", fill(100)).folder, 2)

    MachineCache(tmp_path).entry("bases", "new", fill(100))

    assert [folder.name for folder in (tmp_path / "entries" / "bases").iterdir()] == ["new"]
