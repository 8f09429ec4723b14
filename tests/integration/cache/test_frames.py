"""The frame cache on a real Redis: what it stores, what it counts, and when it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import redis

from genesis.cache import CorruptFrameError, FrameCache, NotAFrameError, encode
from genesis.errors import BackpressureError, FrameCacheFullError, FrameMissingError
from genesis.settings import FrameCacheSettings, Settings
from tests.pictures import noise

PATIENCE = 20.0


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "still not so"
        time.sleep(0.005)


@pytest.fixture
def make(volatile: str) -> Iterator[Callable[..., FrameCache]]:
    """Make caches on the same server, bit-exact unless told otherwise."""
    made: list[FrameCache] = []

    def make(**changes: object) -> FrameCache:
        made.append(FrameCache(FrameCacheSettings.model_validate({"url": volatile, "codec": "bgr", **changes})))
        return made[-1]

    yield make
    for cache in made:
        cache.close()


Make = Callable[..., FrameCache]


def test_a_frame_is_got_as_it_was_put(make: Make) -> None:
    cache = make()
    frame = noise()

    taken = cache.put("door-1", frame)

    assert np.array_equal(cache.get("door-1"), frame)
    assert taken == len(encode(frame, "bgr")) == cache.get_cache_size()
    assert cache.count() == 1


def test_without_arguments_the_settings_of_the_process_are_taken(settings: Settings) -> None:
    FrameCache.of(settings).put("door-1", noise())

    size = FrameCache().get_cache_size()

    assert size == len(encode(noise(), "i420"))


def test_the_size_is_told_without_opencv(settings: Settings) -> None:
    program = (
        "from genesis.cache import FrameCache; print(FrameCache().get_cache_size()); "
        "import sys; print(sorted({'cv2', 'celery', 'torch', 'genesis.vision', 'genesis.bus'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.split("\n")[:2] == ["0", "[]"]


def test_frames_of_two_installations_on_one_server_are_apart(volatile: str) -> None:
    mine, other = (FrameCache(FrameCacheSettings(url=volatile), prefix=prefix) for prefix in ("mine", "other"))

    mine.put("door-1", noise())

    assert (mine.count(), other.count()) == (1, 0)
    with pytest.raises(FrameMissingError):
        other.get("door-1")


def test_a_missing_frame_is_named(make: Make) -> None:
    with pytest.raises(FrameMissingError, match=r"frame 'door-1' is not in the cache \(frames are kept for 60 s"):
        make().get("door-1")


def test_several_frames_come_in_the_order_of_their_keys_with_gaps(make: Make) -> None:
    cache = make()
    for number in range(3):
        cache.put(f"door-{number}", noise(number))

    found = cache.get_many(["door-2", "nothing", "door-0"])

    assert [None if frame is None else int(frame.sum()) for frame in found] == [int(noise(2).sum()), None, int(noise(0).sum())]
    assert cache.get_many([]) == []


def test_deleting_tells_how_many_were_there(make: Make) -> None:
    cache = make()
    for number in range(3):
        cache.put(f"door-{number}", noise(number))

    removed = cache.delete("door-0", "nothing", "door-1", "door-1")

    assert removed == 2
    assert cache.count() == 1
    assert cache.get_cache_size() == len(encode(noise(2), "bgr"))
    assert cache.delete() == 0


def test_a_frame_put_again_replaces_the_first_and_is_counted_once(make: Make) -> None:
    cache = make()
    cache.put("door-1", noise(1, 50, 50))

    taken = cache.put("door-1", noise(2, 20, 20))

    assert np.array_equal(cache.get("door-1"), noise(2, 20, 20))
    assert (cache.get_cache_size(), cache.count()) == (taken, 1)


def test_a_frame_that_would_pass_the_limit_is_refused_and_nothing_changes(make: Make) -> None:
    size = len(encode(noise(), "bgr"))
    cache = make(max_size_mb=2.5 * size / 1e6)
    cache.put("a", noise(1))
    cache.put("b", noise(2))

    with pytest.raises(FrameCacheFullError) as caught:
        cache.put("c", noise(3))

    assert (caught.value.backlog, caught.value.limit) == (2 * size, cache.limit)
    assert "frame_cache.max_size_mb" in str(caught.value)
    assert isinstance(caught.value, BackpressureError)
    assert (cache.get_cache_size(), cache.count()) == (2 * size, 2)
    with pytest.raises(FrameMissingError):
        cache.get("c")


def test_the_limit_itself_may_be_reached(make: Make) -> None:
    size = len(encode(noise(), "bgr"))
    cache = make(max_size_mb=2 * size / 1e6)

    cache.put("a", noise(1))
    cache.put("b", noise(2))

    assert cache.get_cache_size() == cache.limit


def test_a_refused_replacement_leaves_the_first_frame(make: Make) -> None:
    cache = make(max_size_mb=len(encode(noise(), "bgr")) / 1e6)
    cache.put("a", noise(1))

    with pytest.raises(FrameCacheFullError):
        cache.put("a", noise(2, 60, 60))

    assert np.array_equal(cache.get("a"), noise(1))
    cache.put("a", noise(3))
    assert np.array_equal(cache.get("a"), noise(3))


def test_after_a_delete_there_is_room_again(make: Make) -> None:
    cache = make(max_size_mb=len(encode(noise(), "bgr")) / 1e6)
    cache.put("a", noise(1))

    cache.delete("a")

    assert cache.put("b", noise(2)) == cache.get_cache_size()


def test_a_frame_disappears_after_its_time_and_its_bytes_are_written_off(make: Make) -> None:
    short, long = make(ttl_seconds=0.05), make(ttl_seconds=60)
    stays = long.put("stays", noise(1))
    short.put("goes", noise(2))

    until(lambda: short.get_many(["goes"])[0] is None)

    assert (long.get_cache_size(), long.count()) == (stays, 1)
    assert long.delete("goes") == 0


def test_expired_frames_make_room_without_anybody_asking_for_the_size(make: Make) -> None:
    limit = len(encode(noise(), "bgr")) / 1e6
    short, long = make(ttl_seconds=0.05, max_size_mb=limit), make(max_size_mb=limit)
    short.put("goes", noise(1))

    until(lambda: short.get_many(["goes"])[0] is None)

    assert long.put("comes", noise(2)) == long.get_cache_size()


def test_putting_a_frame_again_gives_it_its_full_time(make: Make, volatile: str) -> None:
    make(ttl_seconds=5).put("a", noise(1))

    make(ttl_seconds=60).put("a", noise(1))

    assert redis.Redis.from_url(volatile).pttl("genesis:frame:a") > 5_000


@pytest.mark.parametrize("ttl", [0.0001, 0.001])
def test_a_time_to_live_of_no_time_at_all_is_no_error(make: Make, ttl: float) -> None:
    cache = make(ttl_seconds=ttl)

    for number in range(50):
        cache.put(f"{number}", noise())

    until(lambda: cache.count() == 0)
    assert cache.get_cache_size() == 0


def test_thousands_of_frames_may_expire_at_once(make: Make, volatile: str) -> None:
    cache = make()
    books = redis.Redis.from_url(volatile)
    with books.pipeline() as pipeline:
        for number in range(2_500):
            pipeline.zadd("genesis:framecache:index", {f"old-{number}": 1000})
            pipeline.hset("genesis:framecache:sizes", f"old-{number}", 7)
        pipeline.set("genesis:framecache:total", 2_500 * 7)
        pipeline.execute()

    size = cache.get_cache_size()

    assert (size, cache.count()) == (0, 0)
    assert books.hlen("genesis:framecache:sizes") == 2_500  # who only measures writes nothing
    cache.delete("nobody")
    assert books.hlen("genesis:framecache:sizes") == 0


def test_a_put_is_one_round_trip(make: Make, volatile: str) -> None:
    cache = make()
    cache.put("warm", noise())
    observer = redis.Redis.from_url(volatile)
    before = {name: row["calls"] for name, row in observer.info("commandstats").items()}

    cache.put("a", noise())

    after = {name: row["calls"] for name, row in observer.info("commandstats").items()}
    changed = {name.removeprefix("cmdstat_") for name in after if after[name] != before.get(name)}
    sent = changed - {"info", "client", "client|setinfo", "client|setname", "select", "hello"}
    inside = {"time", "strlen", "get", "hget", "rename", "pexpireat", "zrem", "zadd", "hset", "incrby", "zrangebyscore"}
    assert sent - inside == {"multi", "set", "evalsha", "exec"}


def test_a_server_that_forgot_the_script_is_taught_again(make: Make, volatile: str) -> None:
    cache = make()
    cache.put("a", noise(1))
    redis.Redis.from_url(volatile).script_flush()

    cache.put("b", noise(2))

    assert cache.count() == 2
    assert redis.Redis.from_url(volatile).keys("*incoming*") == []


def test_what_is_not_a_frame_is_refused_before_anything_is_sent(make: Make) -> None:
    cache = make()

    with pytest.raises(NotAFrameError):
        cache.put("a", np.zeros((3, 3), np.uint8))

    assert cache.count() == 0


def test_bytes_of_another_program_are_refused(make: Make, volatile: str) -> None:
    redis.Redis.from_url(volatile).set("genesis:frame:a", b"\x80\x04\x95 pickled")

    with pytest.raises(CorruptFrameError, match="not a stored frame"):
        make().get("a")


@pytest.mark.parametrize("key", ["", "a b", "ümlaut/1", "a:b:c", "{x}", "x" * 1000, "\n\0"])
def test_any_key_will_do(make: Make, key: str) -> None:
    cache = make()

    cache.put(key, noise())

    assert np.array_equal(cache.get(key), noise())
    assert cache.delete(key) == 1
    assert cache.get_cache_size() == 0


def test_threads_may_share_a_cache_and_the_limit_holds(make: Make) -> None:
    size = len(encode(noise(), "bgr"))
    cache = make(max_size_mb=5 * size / 1e6)
    stored, refused, wrong = [], [], []

    def work(name: int) -> None:
        for number in range(20):
            try:
                cache.put(f"{name}-{number}", noise(number))
            except FrameCacheFullError:
                refused.append(1)
            else:
                stored.append(f"{name}-{number}")
                if not np.array_equal(cache.get(f"{name}-{number}"), noise(number)):
                    wrong.append(number)
                if number % 3 == 0:
                    cache.delete(f"{name}-{number}")

    threads = [threading.Thread(target=work, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert len(stored) + len(refused) == 120
    assert cache.get_cache_size() == cache.count() * size <= cache.limit


def test_a_cache_can_be_used_on_both_sides_of_a_fork(make: Make) -> None:
    cache = make()
    cache.put("before", noise(1))

    child = os.fork()
    if child == 0:
        try:
            cache.put("child", noise(2))
            os._exit(0 if np.array_equal(cache.get("before"), noise(1)) else 1)
        finally:
            os._exit(2)
    cache.put("parent", noise(3))
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert np.array_equal(cache.get("child"), noise(2))
    assert cache.count() == 3


def test_a_client_that_was_given_is_left_open(volatile: str) -> None:
    client = redis.Redis.from_url(volatile)
    cache = FrameCache(FrameCacheSettings(url=volatile), client=client)
    cache.put("a", noise())

    cache.close()

    assert client.ping()
