"""`python -m benchmarks.bus`: events per second, latency, and what a kill -9 loses, beside Celery and other task queues on the same Redis.

The peers are installed below `build/peers` when they are first wanted. A run takes about a quarter of an hour.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path

import click

from benchmarks.bus import rounds as racing
from benchmarks.bus.contestants import ALL, Contestant, chosen
from benchmarks.bus.dispatch import dispatch, idle
from benchmarks.bus.environments import programs
from benchmarks.bus.kill import kill
from benchmarks.bus.tables import bars, latencies, losses, target, targets, throughput
from benchmarks.reports import Options, Report, Table, middle, options
from genesis.errors import GenesisError

PARTS = ("speed", "kill", "bridge")
PATIENCE = 160.0  # seconds after a kill: the slowest peer that brings its work back takes 140
LATENCY_RATES = (50.0, 500.0)


@click.command()
@options(rounds=3)
@click.option("--only", metavar="NAME,...", help=f"Contestants: {', '.join(one.name for one in ALL)}.")
@click.option("--parts", default=",".join(PARTS), show_default=True, help="Of the benchmark; --quick leaves the kill out.")
@click.option("--fsync", is_flag=True, help="One Redis for all that writes everything to disk before it answers.")
def main(asked: Options, only: str | None, parts: str, *, fsync: bool) -> None:
    """Measure what an event costs on its way to a handler, beside plain Celery, taskiq, FastStream, huey, dramatiq, arq and rq."""
    wanted = parts.split(",")
    if unknown := [part for part in wanted if part not in PARTS]:
        msg = f"{', '.join(unknown)} (there are: {', '.join(PARTS)})"
        raise click.BadParameter(msg, param_hint="--parts")
    try:
        contestants = [one for one in chosen(only) if not (fsync and one.ledger)]
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--only") from None
    try:
        for contestant in contestants:
            programs(contestant.environment)
        _run(asked, contestants, wanted, fsync=fsync)
    except GenesisError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(2) from None


def _run(asked: Options, contestants: list[Contestant], parts: list[str], *, fsync: bool) -> None:
    how = "everything on disk before an answer (appendfsync always)" if fsync else "nothing written to disk but where it says so"
    report = Report("bus-fsync" if fsync else "bus", f"The bus beside other task queues: {how}", asked)
    reached: list[list[str]] = []
    if "speed" in parts:
        reached += _speed(report, contestants, fsync=fsync)
    if "kill" in parts and not asked.quick:
        reached += _kill(report, contestants)
    if "bridge" in parts:
        reached += _bridge(report)
    if reached:
        report.table(Table("Targets", ["what", "wanted", "measured", "reached"], reached))
        report.figures["headline"] = "; ".join(f"{what}: {measured}" for what, _, measured, _ in reached)
    report.write()


def _speed(report: Report, contestants: list[Contestant], *, fsync: bool) -> list[list[str]]:
    plan = racing.QUICK if report.asked.quick else racing.FULL
    found = racing.race(contestants, plan, report.asked.rounds, fsync=fsync)
    report.figures["speed"] = [one.plain() for one in found]
    note = (
        "A handler that only notes the time. All events are published before the workers start; the time is from the first handler's "
        "begin to the last one's. CPU: of workers and bridge, without Redis."
    )
    report.plot(lambda axes: bars(found, axes), size=(8.0, 6.0))
    report.table(throughput(found, "Events per second at saturation", note))
    report.table(latencies(found, LATENCY_RATES))
    return targets(found, LATENCY_RATES)


def _kill(report: Report, contestants: list[Contestant]) -> list[list[str]]:
    tried = [(one, 2 if "prefork" in one.name else 1) for one in contestants if not one.ledger]
    found = kill(tried, PATIENCE)
    pairs = [(one, workers, loss) for (one, workers), loss in zip(tried, found, strict=True)]
    report.figures["kill"] = [
        {"contestant": one.name, "workers": workers, **({} if loss is None else asdict(loss))}
        for one, workers, loss in pairs
    ]  # fmt: skip
    report.table(losses(tried, found, PATIENCE))
    ours = [loss.missing for one, _, loss in pairs if one.ours and loss is not None]
    return [target("kill -9, Genesis: missing", 0, max(ours), most=True, form="{:g}")] if ours else []


def _bridge(report: Report) -> list[list[str]]:
    quick, rates = report.asked.quick, []
    for _ in range(report.asked.rounds):
        with tempfile.TemporaryDirectory(prefix="genesis-bus-") as folder:
            rates.append(dispatch(Path(folder), 5_000 if quick else 50_000, 500 if quick else 3_000))
    share = idle(ALL[0], 5.0 if quick else 20.0)
    bridge, loop = (middle(values) for values in zip(*rates, strict=True))
    report.figures["bridge"] = {"dispatched_per_second": bridge, "apply_async_per_second": loop, "idle_share_of_a_core": share}
    rows = [
        ["bridge: entries into a queue per second", f"{bridge:,.0f}"],
        ["a loop over apply_async, same messages", f"{loop:,.0f}"],
        ["an idle bridge with all built-in subscriptions: of a core", f"{share * 100:.2f} %"],
    ]
    report.table(Table("The bridge", ["what", "measured"], rows))
    return [
        target("dispatch: x a loop over apply_async", 20, bridge / loop, form="{:.1f} x"),
        target("idle bridge: of a core", 1.0, share * 100, most=True, form="{:.2f} %"),
    ]


if __name__ == "__main__":
    main()
