from benchmarks.bus.contestants import chosen
from benchmarks.bus.dispatch import dispatch
from benchmarks.bus.measure import Phase, measure


def test_the_benchmark_measures_events_that_lie_there_and_events_at_a_rate(redis_program):
    (genesis,) = chosen("genesis")

    speed = measure(genesis, 1, 60, [Phase(100, 20)])

    assert speed.rate > 0
    assert speed.cpu > 0
    assert len(speed.latencies[100]) == 20
    assert all(0 < seconds < 60 for seconds in speed.latencies[100])


def test_the_benchmark_measures_dispatches(redis_program, tmp_path):
    assert min(dispatch(tmp_path, 200, 20)) > 0
